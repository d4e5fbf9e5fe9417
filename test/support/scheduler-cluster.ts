import { join } from 'node:path';
import type { Node, Pod, PodCondition } from '../../api/generated/core-v1.ts';
import { nodes, pods } from '../../api/generated/resources.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { systemRandom } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import { Informer } from '../../client/informer.ts';
import type { PlacementServerFlags } from '../../scheduler/answers/placement-server.ts';
import { runScheduler, type SchedulerOptions } from '../../scheduler/scheduler.ts';
import { ApiServerProcess } from './api-server-process.ts';
import { EtcdProcess } from './etcd-process.ts';
import { aNode, aPod, type NodeDraft, type PodDraft } from './scheduling-objects.ts';
import { ensureServiceAccount } from './service-account.ts';

const platform = { clock: systemClock, random: systemRandom, logger: silentLogger };

const withoutIdentity = <T extends { metadata: { uid?: string; resourceVersion?: string } }>(
  object: T,
): T => ({
  ...object,
  metadata: { ...object.metadata, uid: undefined, resourceVersion: undefined, creationTimestamp: undefined },
});

/** API server, etcd and a scheduler; nodes are objects that nobody stands behind. */
export class SchedulerCluster {
  readonly server: ApiServerProcess;
  readonly client: ApiClient;
  readonly #etcd: EtcdProcess;
  readonly #abort = new AbortController();
  #scheduling = new AbortController();
  readonly #schedulers: Promise<void>[] = [];
  readonly #followed: Informer<Pod>;
  readonly #running: Promise<void>[];

  private constructor(etcd: EtcdProcess, server: ApiServerProcess, client: ApiClient) {
    this.#etcd = etcd;
    this.server = server;
    this.client = client;
    this.#followed = new Informer({ ...platform, client, type: pods, selection: { namespace: 'default' } });
    this.#running = [this.#followed.run(this.#abort.signal)];
  }

  static async start(options: Partial<SchedulerOptions> = {}): Promise<SchedulerCluster> {
    const cluster = await SchedulerCluster.withoutScheduler();
    await cluster.addScheduler(options);
    return cluster;
  }

  static async withoutScheduler(): Promise<SchedulerCluster> {
    const etcd = await EtcdProcess.start();
    const server = await ApiServerProcess.start({ etcdServers: etcd.url }).catch(async (error: unknown) => {
      await etcd.stop();
      throw error;
    });
    const client = await server.client();
    await ensureServiceAccount(client);
    return new SchedulerCluster(etcd, server, client);
  }

  get etcdUrl(): string {
    return this.#etcd.url;
  }

  async addScheduler(options: Partial<SchedulerOptions> = {}): Promise<void> {
    const own = await this.server.client('scheduler');
    const settings = { ...platform, client: own, strategy: 'least-loaded', identity: undefined } as const;
    this.#schedulers.push(runScheduler({ ...settings, ...options }, this.#scheduling.signal));
  }

  /** How a scheduler answers this API server's questions; it must lead to do so. */
  get placement(): PlacementServerFlags {
    const file = (name: string): string => join(this.server.directory, 'pki', name);
    return {
      ...{ bindAddress: '127.0.0.1', port: 0, allowedNames: ['front-proxy-client'] },
      ...{ certFile: file('scheduler-server.crt'), keyFile: file('scheduler-server.key') },
      clientCaFile: file('ca.crt'),
    };
  }

  /** In order, as by SIGTERM: the lead is given back. Others may be added afterwards. */
  async stopSchedulers(): Promise<void> {
    this.#scheduling.abort();
    await Promise.all(this.#schedulers.splice(0));
    this.#scheduling = new AbortController();
  }

  async stop(): Promise<void> {
    await this.stopSchedulers();
    this.#abort.abort();
    await Promise.all(this.#running);
    await this.server.stop();
    await this.#etcd.stop();
  }

  async addNode(draft: NodeDraft): Promise<Node> {
    const node = aNode(draft);
    const created = await this.client.create(nodes, withoutIdentity(node));
    // A new node is tainted until the node lifecycle controller sees it ready; here there is none.
    const untainted = await this.client.update(nodes, { ...created, spec: node.spec });
    return this.client.update(nodes, { ...untainted, status: node.status }, { subresource: 'status' });
  }

  addPod(draft: PodDraft): Promise<Pod> {
    return this.client.create(pods, withoutIdentity(aPod(draft)));
  }

  pod(name: string): Pod | undefined {
    return this.#followed.lister.get('default', name);
  }

  /** What the watch tells of pods. */
  follow(handler: { readonly onUpdate: (previous: Pod, pod: Pod) => void }): void {
    this.#followed.addHandler(handler);
  }

  nodeOf(name: string): string | undefined {
    return this.pod(name)?.spec.nodeName;
  }

  /** Resolves in the turn in which the watch tells that the pod has a node. */
  whenBound(name: string): Promise<void> {
    return new Promise((resolve) => {
      const look = ({ metadata, spec }: Pod): void => {
        if (metadata.name === name && spec.nodeName !== undefined) resolve();
      };
      this.#followed.addHandler({ onAdd: look, onUpdate: (_, pod) => look(pod) });
    });
  }

  condition(name: string, type: string): PodCondition | undefined {
    return this.pod(name)?.status?.conditions?.find((each) => each.type === type);
  }

  /** As the agent does when a pod has ended. */
  async removeEnded(name: string): Promise<void> {
    await this.client.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 });
  }
}
