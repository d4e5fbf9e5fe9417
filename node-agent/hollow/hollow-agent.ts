/**
 * What one hollow node has of an agent: its identity on its own connection, its own watches, and the requests for its
 * pods. Lines that all nodes read alike are decoded once for all of them, and peers, services and endpoints are not kept,
 * as there is no data plane to keep them for; their versions are followed, so that a stream that ends goes on where it was.
 */
import type { Node, Pod } from '../../api/generated/core-v1.ts';
import { endpointslices, nodes, pods, services } from '../../api/generated/resources.ts';
import type { ApiObject, ResourceType } from '../../api/kind-info.ts';
import { peers } from '../../api/peer.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import { TaskGroup } from '../../base/task-group.ts';
import type { ApiClient, Selection } from '../../client/client.ts';
import type { ClientConfig } from '../../client/client-config.ts';
import { createApiClientOver } from '../../client/http-client.ts';
import { Informer } from '../../client/informer.ts';
import { Reflector, type ReflectorSink } from '../../client/reflector.ts';
import { Transport } from '../../client/transport.ts';
import { HollowLink } from './hollow-link.ts';
import type { PeerNames } from './peer-names.ts';
import { PodRequests } from './pod-requests.ts';
import type { SharedLines } from './shared-lines.ts';
import type { Turns } from './turns.ts';

const requestTimeoutMs = 30_000;

export interface HollowAgentOptions {
  readonly nodeName: string;
  readonly config: ClientConfig;
  /** Of all agents of the process. */
  readonly lines: SharedLines;
  readonly peers: PeerNames;
  /** As the agents of hosts do; else itself only. */
  readonly followsAllPeers: boolean;
  readonly pingPeriodMs: () => number;
  /** Who may connect. */
  readonly connecting: Turns;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export class HollowAgent {
  readonly client: ApiClient;
  /** Its own. */
  readonly nodes: Informer<Node>;
  readonly pods: Informer<Pod>;
  readonly podRequests: PodRequests;
  readonly #link: HollowLink;
  readonly #tables: readonly Table[];
  readonly #stop = new AbortController();

  constructor(options: HollowAgentOptions) {
    const { config, nodeName, followsAllPeers, lines, connecting, clock } = options;
    this.#link = new HollowLink({ ...options, config, failFast: false, turn: () => connecting.enter() });
    const headers = { 'user-agent': 'coracle-hollow', accept: 'application/json' };
    const transport = new Transport({ connection: this.#link, clock, requestTimeoutMs, headers });
    this.client = createApiClientOver(transport, () => this.#link.switchOff(), lines.decode);
    const shared = { ...options, client: this.client };
    const own = { fieldSelector: `metadata.name=${nodeName}` };
    this.nodes = new Informer<Node>({
      ...shared,
      type: nodes,
      selection: own,
      transform: withoutManagedFields,
    });
    this.pods = new Informer<Pod>({
      ...shared,
      type: pods,
      selection: { fieldSelector: `spec.nodeName=${nodeName}` },
      transform: podEssence,
    });
    this.#tables = [
      new Table(shared, peers, { selection: followsAllPeers ? {} : own, told: options.peers }),
      new Table(shared, services),
      new Table(shared, endpointslices),
    ];
    this.podRequests = new PodRequests(shared);
  }

  /** Until `signal` aborts or the node dies. @param onSynced when all watches have shown their first states */
  async run(signal: AbortSignal, onSynced: () => void): Promise<void> {
    const group = new TaskGroup(AbortSignal.any([signal, this.#stop.signal]));
    const followed = [this.nodes, this.pods, ...this.#tables];
    this.#link.switchOn();
    for (const each of followed) group.start((until) => each.run(until));
    group.start((until) => this.podRequests.run(until));
    group.start(async (until) => {
      await Promise.all(followed.map((each) => each.whenSynced(until)));
      if (!until.aborted) onSynced();
    });
    await group.join();
    this.#link.switchOff();
  }

  /** Whether its own Node, as far as there is one, is known. */
  get knowsNode(): boolean {
    return this.nodes.hasSynced;
  }

  die(): void {
    this.#link.switchOff();
    this.#stop.abort();
  }

  /** Nothing is sent or read until it is healed; what was followed is remembered. */
  cut(): void {
    this.#link.switchOff();
  }

  heal(): void {
    this.#link.switchOn();
  }

  renew(config: ClientConfig): Promise<void> {
    return this.#link.renew(config);
  }
}

interface TableOptions {
  /** All when it is absent. */
  readonly selection?: Selection;
  /** Of all that is read. */
  readonly told?: ReflectorSink<ApiObject>;
}

/** Followed as a data plane does, and not kept. */
class Table {
  readonly #reflector: Reflector<ApiObject>;
  readonly #synced = Promise.withResolvers<void>();

  constructor(
    shared: HollowAgentOptions & { readonly client: ApiClient },
    type: ResourceType<ApiObject>,
    options: TableOptions = {},
  ) {
    const { selection = {}, told } = options;
    const sink: ReflectorSink<ApiObject> = {
      replace: (objects, version) => {
        told?.replace(objects, version);
        this.#synced.resolve();
      },
      upsert: (object) => told?.upsert(object),
      remove: (object) => told?.remove(object),
    };
    this.#reflector = new Reflector({ ...shared, type, selection, sink });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#reflector.run(signal);
  }

  whenSynced(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    signal.addEventListener('abort', () => this.#synced.resolve(), { once: true });
    return this.#synced.promise;
  }
}

function withoutManagedFields(node: Node): Node {
  const { managedFields: _dropped, ...metadata } = node.metadata;
  return { ...node, metadata };
}

/** What is read here: at tens of thousands of pods the rest is most of the memory. */
function podEssence(pod: Pod): Pod {
  const { managedFields: _fields, annotations: _annotations, labels: _labels, ...metadata } = pod.metadata;
  const { nodeName, hostNetwork, serviceAccountName, volumes, imagePullSecrets } = pod.spec;
  const containers = pod.spec.containers.map(containerEssence);
  const initContainers = pod.spec.initContainers?.map(containerEssence);
  const spec = { nodeName, hostNetwork, serviceAccountName, volumes, imagePullSecrets };
  return { ...pod, metadata, spec: { ...spec, containers, initContainers } } as Pod;
}

type PodContainer = Pod['spec']['containers'][number];

function containerEssence({ name, image, env, envFrom }: PodContainer): PodContainer {
  return { name, image, env: env?.filter(({ valueFrom }) => valueFrom !== undefined), envFrom };
}
