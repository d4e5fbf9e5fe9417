import type { Pod } from '../../api/generated/core-v1.ts';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import { runControllers } from '../../controllers/program.ts';
import { startApiServer, type TestApiServer, testLogger } from './api-server.ts';
import { HollowAgent } from './hollow-agent.ts';

/** An API server in this process with all controllers, on nodes that run nothing. */
export class ControllersCluster {
  readonly server: TestApiServer;
  readonly admin: ApiClient;
  readonly agent: HollowAgent;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>[] = [];

  private constructor(server: TestApiServer, admin: ApiClient, agent: HollowAgent) {
    this.server = server;
    this.admin = admin;
    this.agent = agent;
  }

  /** `wrap` stands between the controllers and the server. */
  static async start(options: {
    readonly nodes: readonly string[];
    readonly isReady?: (pod: Pod) => boolean;
    readonly wrap?: (client: ApiClient) => ApiClient;
    readonly rootCa?: string;
  }): Promise<ControllersCluster> {
    const { nodes, isReady, wrap = (client) => client, rootCa } = options;
    const server = await startApiServer(nodes);
    const admin = await server.clientAs('admin');
    const client = wrap(await server.clientAs('controllers'));
    const agent = new HollowAgent({ client: admin, nodes, ...(isReady === undefined ? {} : { isReady }) });
    await agent.register();
    const cluster = new ControllersCluster(server, admin, agent);
    const common = { clock: systemClock, random: systemRandom, logger: testLogger, client };
    const settings = { clusterCidr: '10.244.0.0/16', nodeCidrMaskSize: 24, rootCa };
    cluster.alsoRun((signal) => runControllers({ ...common, settings }, signal));
    cluster.alsoRun((signal) => agent.run(signal));
    return cluster;
  }

  /** Runs `task` until the cluster stops. */
  alsoRun(task: (signal: AbortSignal) => Promise<void>): void {
    this.#running.push(task(this.#stopping.signal));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
    await this.server.stop();
  }
}
