import { join } from 'node:path';
import type { Node, Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { Peer } from '../../api/peer.ts';
import type { LoadFigures } from '../../base/beat-renewal.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { TaskGroup } from '../../base/task-group.ts';
import type { Informer } from '../../client/informer.ts';
import { GuardLink } from '../guard/guard-link.ts';
import { ServiceProxy } from '../proxy/service-proxy.ts';
import { type Followed, ServiceTracker } from '../proxy/service-tracker.ts';
import { createKernelCommands, type KernelCommands } from './kernel-commands.ts';
import { NodePods } from './node-pods.ts';
import { Overlay } from './overlay.ts';
import { internalIpOf, ownPodCidrOf, peersOf, podCidrOf } from './peers.ts';
import type { PodNetwork } from './pod-network.ts';

export interface NodeNetworkOptions {
  /** Their `run` is the caller's. */
  readonly informers: {
    /** At least this node's own. */
    readonly nodes: Pick<Informer<Node>, 'lister' | 'addHandler' | 'whenSynced'>;
    readonly peers: Pick<Informer<Peer>, 'lister' | 'addHandler' | 'hasSynced' | 'whenSynced'>;
    readonly services: Followed<Service> & Pick<Informer<Service>, 'whenSynced'>;
    readonly endpointSlices: Followed<EndpointSlice> & Pick<Informer<EndpointSlice>, 'whenSynced'>;
  };
  readonly nodeName: string;
  readonly nodeIp: string;
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  readonly clusterDns: string;
  /** On tmpfs: what must not outlive the pods' namespaces, and the guard's socket. */
  readonly runDir: string;
  /** On disk. */
  readonly stateDir: string;
  /** Ports of the node's own programs, which no LoadBalancer service takes. The agent's port by default. */
  readonly reservedPorts?: readonly number[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where commands run; this process' network namespace when left out. */
  readonly commands?: KernelCommands;
}

export interface NodeNetwork {
  readonly podNetwork: PodNetwork;
  /** Resolves when pods can be attached: the node has a pod range, and its links stand. */
  readonly podsReady: Promise<void>;
  /** Resolves when the whole service table is in the kernel. */
  readonly servicesReady: Promise<void>;
  /** Resolves when all live nodes' service tables show an EndpointSlice version, or when `signal` aborts. */
  whenReachedEverywhere(version: number, signal: AbortSignal): Promise<void>;
  /** Has the node's Lease renewed together with others'. Resolves within seconds with whether that was done. */
  renewLease(load: LoadFigures | undefined): Promise<boolean>;
  /** Keeps all of it as desired until `signal` aborts; the data plane stays as it is then. */
  run(signal: AbortSignal): Promise<void>;
}

const agentPort = 10_250;

/** A node's whole network: pod links, overlay, services, and what the guard is told. */
export function createNodeNetwork(options: NodeNetworkOptions): NodeNetwork {
  const { informers, clock, logger, nodeName, clusterCidr, serviceCidr, clusterDns } = options;
  const commands = options.commands ?? createKernelCommands(clock);
  const tracker = new ServiceTracker(informers);
  const { pods, overlay } = createOverlay(options, commands);
  const { lister } = informers.peers;
  const guard = new GuardLink({
    runDir: options.runDir,
    tracker,
    reverseCidrs: [clusterCidr, serviceCidr],
    nodeCount: () => lister.list().length,
    clock,
    logger,
  });
  const reservedPorts = new Set(options.reservedPorts ?? [agentPort]);
  const proxy = new ServiceProxy({
    commands,
    tracker,
    context: () => ({ nodeName, clusterDns, nodeIps: nodeIpsOf(lister.list()), reservedPorts }),
    clusterCidr,
    serviceCidr,
    clusterDns,
    isUnreachable: (name) => isUnreachable(lister.get(undefined, name)),
    onApplied: (version) => guard.publishVersion(version),
    clock,
    logger,
  });
  followOwnNode(informers.nodes, nodeName, overlay);
  followPeers(informers.peers, overlay, proxy);
  return {
    podNetwork: pods,
    podsReady: overlay.ready,
    servicesReady: proxy.ready,
    whenReachedEverywhere: (version, signal) => guard.whenReached(version, signal),
    renewLease: (load) => guard.renewLease(load),
    async run(signal) {
      const tasks = new TaskGroup(signal);
      tracker.start();
      tasks.start(async (until) => {
        // Before the first list the peers are unknown, which is not the same as none: their routes would go.
        await Promise.all([informers.nodes.whenSynced(until), informers.peers.whenSynced(until)]);
        await overlay.run(until);
      });
      tasks.start((until) => guard.run(until));
      tasks.start(async (until) => {
        const { peers, services, endpointSlices } = informers;
        await Promise.all([peers, services, endpointSlices].map((informer) => informer.whenSynced(until)));
        await proxy.run(until);
      });
      await tasks.join();
    },
  };
}

function createOverlay(
  options: NodeNetworkOptions,
  commands: KernelCommands,
): { readonly pods: NodePods; readonly overlay: Overlay } {
  const { informers, nodeName, logger } = options;
  const directory = join(options.runDir, 'pod-network');
  const pods = new NodePods({ ...options, commands, directory });
  const overlay = new Overlay({
    ...options,
    commands,
    pods,
    stateDir: join(options.stateDir, 'network'),
    logger,
    nodes: () => {
      const own = informers.nodes.lister.get(undefined, nodeName);
      return {
        podCidr: own === undefined ? undefined : ownPodCidrOf(own),
        peers: peersOf(informers.peers.lister.list(), nodeName),
      };
    },
  });
  return { pods, overlay };
}

/** Its own pod range comes at once by the Node itself; among the peers' changes it may have to wait for others. */
function followOwnNode(
  nodes: NodeNetworkOptions['informers']['nodes'],
  ownName: string,
  overlay: Overlay,
): void {
  const changed = (node: Node): void => {
    if (node.metadata.name === ownName) overlay.changed();
  };
  nodes.addHandler({
    onAdd: changed,
    onUpdate: (previous, node) => {
      if (ownPodCidrOf(previous) !== ownPodCidrOf(node)) changed(node);
    },
    onDelete: changed,
  });
}

function followPeers(
  peers: NodeNetworkOptions['informers']['peers'],
  overlay: Overlay,
  proxy: ServiceProxy,
): void {
  const concerns = (peer: Peer): string => `${podCidrOf(peer.podCIDRs)} ${internalIpOf(peer)}`;
  peers.addHandler({
    onAdd: () => {
      overlay.changed();
      if (peers.hasSynced) proxy.changed();
    },
    onUpdate: (previous, peer) => {
      if (concerns(previous) !== concerns(peer)) {
        overlay.changed();
        proxy.changed();
      }
      if (!isUnreachable(previous) && isUnreachable(peer)) proxy.nodeUnreachable(peer.metadata.name);
    },
    onDelete: (peer) => {
      overlay.changed();
      proxy.nodeUnreachable(peer.metadata.name);
    },
  });
}

function nodeIpsOf(peers: readonly Peer[]): Set<string> {
  return new Set(peers.map(internalIpOf).filter((ip) => ip !== undefined));
}

/** Nobody reaches the pods of a node that is none. */
function isUnreachable(peer: Peer | undefined): boolean {
  return peer === undefined || peer.unreachable === true;
}
