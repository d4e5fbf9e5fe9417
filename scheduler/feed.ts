/** Brings what the API server tells into the cluster and the queue, and wakes the pods that a change may help. */
import type { Node, Pod } from '../api/generated/core-v1.ts';
import type { ReflectorSink } from '../client/reflector.ts';
import type { Cluster, NodeChange } from './cache/cluster.ts';
import { toNodeFacts, withVolumeLimits } from './framework/node-info.ts';
import { type PodClass, PodClasses } from './framework/pod-class.ts';
import type { VolumeLimits } from './framework/volume-limits.ts';
import { noVolumeNeeds, type VolumeNeeds } from './framework/volume-needs.ts';
import type { PodGroups } from './groups/pod-groups.ts';
import type { BoundPod } from './own-bindings.ts';
import { isGated, type SchedulingQueue } from './queue/scheduling-queue.ts';
import { claimNamesOf } from './volume-state.ts';
import type { Waker } from './waker.ts';

export interface FeedOptions {
  readonly cluster: Cluster;
  readonly queue: SchedulingQueue;
  readonly waker: Pick<Waker, 'nodeChanged' | 'podsChanged'>;
  readonly groups: Pick<PodGroups, 'has' | 'setPod' | 'removePod' | 'retain' | 'waitingIn'>;
  /** What a pod's claims ask of its node; of one that has it, which it uses. */
  readonly volumeNeeds: (pod: Pod) => VolumeNeeds;
  /** Whether pods of this `spec.schedulerName` are ours. */
  readonly isOurs: (schedulerName: string) => boolean;
  /** A pod waits that has scheduling gates. */
  readonly onGated: (pod: Pod) => void;
  /** A pod no longer waits. */
  readonly onLeft: (uid: string) => void;
  /** A stored object makes no sense, e.g. a quantity; it is left out, and must not stop the others. */
  readonly onUnreadable: (object: Pod | Node, error: unknown) => void;
}

export class PodFeed implements ReflectorSink<Pod> {
  readonly #options: FeedOptions;
  readonly #classes = new PodClasses();
  readonly #known = new Set<string>();
  #hasSynced = false;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  replace(pods: readonly Pod[]): void {
    const present = new Set(pods.map((pod) => pod.metadata.uid));
    for (const uid of [...this.#known]) if (!present.has(uid)) this.#remove(uid);
    this.#options.groups.retain(present);
    for (const pod of pods) this.upsert(pod);
    this.#hasSynced = true;
  }

  upsert(pod: Pod): void {
    const { uid } = pod.metadata;
    if (hasEnded(pod)) {
      this.#remove(uid);
      this.#tellGroup(pod, undefined);
      return;
    }
    this.#known.add(uid);
    const podClass = this.#classOf(pod);
    this.#tellGroup(pod, podClass);
    if (podClass === undefined) this.#leave(uid);
    else if (pod.spec.nodeName !== undefined && pod.spec.nodeName !== '')
      this.#place(pod, podClass, pod.spec.nodeName);
    else this.#wait(pod, podClass);
  }

  remove(pod: Pod): void {
    this.#remove(pod.metadata.uid);
  }

  /**
   * The pod has been bound as it was assumed, and nothing else of it has changed.
   * @returns false when the watch has told so before, or must tell more
   */
  confirm({ uid, nodeName }: Pick<BoundPod, 'uid' | 'nodeName'>): boolean {
    const { cluster, groups, waker } = this.#options;
    const pod = cluster.pod(uid);
    if (pod?.isAssumed !== true || pod.nodeName !== nodeName) return false;
    if (groups.has(uid) || pod.podClass.volumes !== noVolumeNeeds) return false;
    this.#leave(uid);
    cluster.setPod({ ...pod, isAssumed: false });
    waker.podsChanged();
    return true;
  }

  /** A member that has found its place counts for those that wait. */
  #tellGroup(pod: Pod, podClass: PodClass | undefined): void {
    const { groups, queue } = this.#options;
    const group = groups.setPod(pod, podClass);
    if (group !== undefined) for (const uid of groups.waitingIn(group)) queue.wakeOne(uid);
  }

  /** Claims, volumes or storage classes changed: waiting pods that have claims are looked at anew. */
  volumesChanged(): void {
    const { queue } = this.#options;
    for (const pod of queue.waitingPods()) if (claimNamesOf(pod).length > 0) this.upsert(pod);
  }

  /** @throws when the pod makes no sense */
  classOf(pod: Pod): PodClass {
    return this.#classes.of(pod, this.#options.volumeNeeds(pod));
  }

  #classOf(pod: Pod): PodClass | undefined {
    try {
      return this.classOf(pod);
    } catch (error) {
      this.#options.onUnreadable(pod, error);
      return undefined;
    }
  }

  #wait(pod: Pod, podClass: PodClass): void {
    const { queue, isOurs, onGated, cluster } = this.#options;
    const { uid, deletionTimestamp } = pod.metadata;
    if (!isOurs(podClass.schedulerName) || deletionTimestamp !== undefined) {
      this.#leave(uid);
      return;
    }
    // Its binding is on its way: the state before it may still arrive.
    if (cluster.pod(uid)?.isAssumed === true && queue.get(uid) === undefined) return;
    queue.set(pod, podClass);
    const { nominatedNodeName = '' } = pod.status ?? {};
    if (nominatedNodeName !== '' && cluster.nominationOf(uid) === undefined && queue.get(uid)?.attempts === 0)
      cluster.nominate({ uid, podClass }, nominatedNodeName);
    if (isGated(pod)) onGated(pod);
  }

  #place(pod: Pod, podClass: PodClass, nodeName: string): void {
    const { cluster, waker } = this.#options;
    const { uid, namespace, name, deletionTimestamp } = pod.metadata;
    this.#leave(uid);
    const before = cluster.pod(uid);
    const isLive = deletionTimestamp === undefined;
    const { startTime } = pod.status ?? {};
    cluster.setPod({
      ...{ uid, name: `${namespace}/${name}`, podClass, nodeName, isLive, isAssumed: false },
      ...(startTime === undefined ? {} : { startMs: Date.parse(startTime) }),
    });
    if (before === undefined) waker.podsChanged();
    else if (before.podClass !== podClass || before.nodeName !== nodeName) {
      // Smaller requests, other labels, or assumed where it did not go: what it took or forbade may be free now.
      waker.nodeChanged(before.nodeName);
      waker.podsChanged(before.podClass);
    } else if (before.isAssumed || before.isLive !== isLive) waker.podsChanged();
  }

  #leave(uid: string): void {
    const { queue, cluster, waker } = this.#options;
    queue.delete(uid);
    const nominatedFor = cluster.withdrawNomination(uid);
    if (nominatedFor !== undefined) waker.nodeChanged(nominatedFor);
    this.#options.onLeft(uid);
  }

  #remove(uid: string): void {
    const { cluster, waker } = this.#options;
    this.#known.delete(uid);
    this.#options.groups.removePod(uid);
    this.#leave(uid);
    const removed = cluster.removePod(uid);
    if (removed === undefined) return;
    waker.nodeChanged(removed.nodeName);
    waker.podsChanged(removed.podClass);
  }
}

export interface NodeFeedOptions extends Pick<FeedOptions, 'cluster' | 'onUnreadable'> {
  readonly waker: Pick<Waker, 'nodeChanged' | 'domainsChanged'>;
  readonly volumeLimits: (node: string) => VolumeLimits | undefined;
}

export class NodeFeed implements ReflectorSink<Node> {
  readonly #options: NodeFeedOptions;
  readonly #known = new Set<string>();
  #hasSynced = false;

  constructor(options: NodeFeedOptions) {
    this.#options = options;
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  replace(nodes: readonly Node[]): void {
    const present = new Set(nodes.map((node) => node.metadata.name));
    for (const name of [...this.#known]) if (!present.has(name)) this.#remove(name);
    for (const node of nodes) this.upsert(node);
    this.#hasSynced = true;
  }

  upsert(node: Node): void {
    const { name } = node.metadata;
    this.#known.add(name);
    const { waker } = this.#options;
    const change = this.#set(node);
    if (change !== 'none') waker.nodeChanged(name);
    // Its pods count elsewhere now, or no longer; another node may be the one that is helped.
    if (change === 'domains') waker.domainsChanged(this.#classesOn(name));
  }

  #set(node: Node): NodeChange {
    try {
      const { cluster, volumeLimits } = this.#options;
      return cluster.setNodeFacts(withVolumeLimits(toNodeFacts(node), volumeLimits(node.metadata.name)));
    } catch (error) {
      this.#options.onUnreadable(node, error);
      return 'none';
    }
  }

  /** The node's CSINode changed. */
  limitsChanged(name: string): void {
    const { cluster, volumeLimits, waker } = this.#options;
    const node = cluster.node(name);
    if (node === undefined) return;
    const change = cluster.setNodeFacts(withVolumeLimits(node, volumeLimits(name)));
    if (change !== 'none') waker.nodeChanged(name);
  }

  remove(node: Node): void {
    this.#remove(node.metadata.name);
  }

  #remove(name: string): void {
    this.#known.delete(name);
    const { cluster, waker } = this.#options;
    cluster.removeNode(name);
    // Those who waited for victims there; and the emptiest domain may be gone.
    waker.nodeChanged(name);
    waker.domainsChanged(this.#classesOn(name));
  }

  #classesOn(name: string): readonly PodClass[] {
    return this.#options.cluster.podsOn(name).map(({ podClass }) => podClass);
  }
}

const hasEnded = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
