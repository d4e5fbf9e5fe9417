import type { Pod } from '../../api/generated/core-v1.ts';
import type { ApiClient } from '../../client/client.ts';
import { startApiServer, type TestApiServer } from './api-server.ts';
import { HollowAgent } from './hollow-agent.ts';
import { TestControllers } from './test-controllers.ts';

/** An API server in this process with all controllers, on nodes that run nothing. */
export class ControllersCluster {
  readonly server: TestApiServer;
  readonly admin: ApiClient;
  readonly agent: HollowAgent;
  readonly #controllers: TestControllers;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>[] = [];

  private constructor(parts: {
    readonly server: TestApiServer;
    readonly admin: ApiClient;
    readonly agent: HollowAgent;
    readonly controllers: TestControllers;
  }) {
    this.server = parts.server;
    this.admin = parts.admin;
    this.agent = parts.agent;
    this.#controllers = parts.controllers;
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
    const controllers = TestControllers.start(client, { rootCa });
    const cluster = new ControllersCluster({ server, admin, agent, controllers });
    cluster.alsoRun((signal) => agent.run(signal));
    return cluster;
  }

  /** Runs `task` until the cluster stops. */
  alsoRun(task: (signal: AbortSignal) => Promise<void>): void {
    this.#running.push(task(this.#stopping.signal));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#controllers.stop(), ...this.#running]);
    await this.server.stop();
  }
}
