/** Brings what the API server tells into the cluster and the queue, and wakes the pods that a change may help. */
import type { Node, Pod } from '../api/generated/core-v1.ts';
import type { ReflectorSink } from '../client/reflector.ts';
import type { Cluster } from './cache/cluster.ts';
import { filterNode } from './framework/evaluate.ts';
import type { PluginSet } from './framework/plugin.ts';
import { type PodClass, PodClasses } from './framework/pod-class.ts';
import { isGated, type SchedulingQueue } from './queue/scheduling-queue.ts';

export interface FeedOptions {
  readonly cluster: Cluster;
  readonly queue: SchedulingQueue;
  readonly plugins: PluginSet;
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
    for (const pod of pods) this.upsert(pod);
    this.#hasSynced = true;
  }

  upsert(pod: Pod): void {
    const { uid } = pod.metadata;
    if (hasEnded(pod)) {
      this.#remove(uid);
      return;
    }
    this.#known.add(uid);
    const podClass = this.#classOf(pod);
    if (podClass === undefined) this.#leave(uid);
    else if (pod.spec.nodeName !== undefined && pod.spec.nodeName !== '')
      this.#place(pod, podClass, pod.spec.nodeName);
    else this.#wait(pod, podClass);
  }

  remove(pod: Pod): void {
    this.#remove(pod.metadata.uid);
  }

  #classOf(pod: Pod): PodClass | undefined {
    try {
      return this.#classes.of(pod);
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
    if (isGated(pod)) onGated(pod);
  }

  #place(pod: Pod, podClass: PodClass, nodeName: string): void {
    const { cluster, queue } = this.#options;
    const { uid, namespace, name, deletionTimestamp } = pod.metadata;
    this.#leave(uid);
    const before = cluster.pod(uid);
    const isLive = deletionTimestamp === undefined;
    cluster.setPod({ uid, name: `${namespace}/${name}`, podClass, nodeName, isLive, isAssumed: false });
    if (before === undefined || before.isAssumed || before.isLive !== isLive) queue.wake(looksAtOtherPods);
  }

  #leave(uid: string): void {
    this.#options.queue.delete(uid);
    this.#options.onLeft(uid);
  }

  #remove(uid: string): void {
    const { cluster, queue, plugins } = this.#options;
    this.#known.delete(uid);
    this.#leave(uid);
    const removed = cluster.removePod(uid);
    if (removed === undefined) return;
    const node = cluster.node(removed.nodeName);
    queue.wake(
      (podClass) =>
        looksAtOtherPods(podClass) ||
        removed.podClass.affinity.requiredAnti.length > 0 ||
        (node !== undefined && filterNode(plugins, podClass, node) === undefined),
    );
  }
}

export type NodeFeedOptions = Pick<FeedOptions, 'cluster' | 'queue' | 'plugins' | 'onUnreadable'>;

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
    const { cluster, queue, plugins } = this.#options;
    const { name } = node.metadata;
    const isNew = !this.#known.has(name);
    this.#known.add(name);
    if (!this.#set(node)) return;
    const info = cluster.node(name);
    if (info === undefined) return;
    queue.wake((podClass) => isNew || filterNode(plugins, podClass, info) === undefined);
  }

  /** @returns whether anything changed. */
  #set(node: Node): boolean {
    try {
      return this.#options.cluster.setNode(node);
    } catch (error) {
      this.#options.onUnreadable(node, error);
      return false;
    }
  }

  remove(node: Node): void {
    this.#remove(node.metadata.name);
  }

  #remove(name: string): void {
    this.#known.delete(name);
    this.#options.cluster.removeNode(name);
    // The emptiest domain may be gone.
    this.#options.queue.wake(looksAtOtherPods);
  }
}

const looksAtOtherPods = ({ affinity, spread }: PodClass): boolean =>
  affinity.required.length > 0 || affinity.requiredAnti.length > 0 || spread.some(({ isHard }) => isHard);

const hasEnded = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
