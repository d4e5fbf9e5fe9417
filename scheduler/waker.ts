/**
 * Wakes unschedulable pods when something changed with which a node would take them. Changes of one turn are looked
 * at together: a pod that looks at one node at a time is asked about the nodes that changed, one that looks at other
 * pods, too, is asked whether any node will do. However many pods wait, asking takes a tenth of the time at most.
 *
 * Less often, a pod is asked whether evicting others on a node that changed would make room for it now.
 */
import type { Clock } from '../base/clock.ts';
import type { Cluster } from './cache/cluster.ts';
import type { NodeInfo } from './framework/node-info.ts';
import type { PodClass } from './framework/pod-class.ts';
import type { QueuedPod, SchedulingQueue } from './queue/scheduling-queue.ts';
import { fitsSomewhere, type SchedulingContext } from './schedule.ts';
import { type Changes, TurnsOfChange } from './turns-of-change.ts';

/** A try at preemption costs more than one at placing. */
const preemptionRestMs = 250;
/** When more nodes changed than it pays to look at, the pod itself is tried. */
const maxNodesLookedAt = 64;

export interface WakerOptions {
  readonly cluster: Cluster;
  readonly queue: SchedulingQueue;
  readonly contextOf: (pod: PodClass) => SchedulingContext | undefined;
  readonly clock: Clock;
  /** Whether the pod is decided together with others, who may be what it waits for. Left out: none is. */
  readonly isMember?: ((uid: string) => boolean) | undefined;
  /** Whether a pod would fit on the node if others were evicted. Left out: nobody is evicted. */
  readonly preemptionHelps?: ((pod: PodClass, node: NodeInfo) => boolean) | undefined;
}

export class Waker {
  readonly #options: WakerOptions;
  readonly #fitting: TurnsOfChange;
  readonly #preempting: TurnsOfChange;

  constructor(options: WakerOptions) {
    this.#options = options;
    const { clock, queue, preemptionHelps } = options;
    const isIdle = (): boolean => queue.counts.unschedulable === 0;
    this.#fitting = new TurnsOfChange({
      ...{ clock, isIdle, restMs: 0 },
      look: (changes) => this.#wakeFitting(changes),
    });
    this.#preempting = new TurnsOfChange({
      ...{ clock, restMs: preemptionRestMs },
      isIdle: () => preemptionHelps === undefined || isIdle(),
      look: (changes) => this.#wakePreempting(changes),
    });
  }

  /** A node came, went, changed, or has more room. */
  nodeChanged(name: string): void {
    this.#fitting.addNode(name);
    this.#preempting.addNode(name);
  }

  /** Pods came, went, or began to end. @param removed one that went, and with it what it forbade */
  podsChanged(removed?: PodClass): void {
    this.#fitting.addPods(removed !== undefined && forbids(removed));
  }

  /** Nodes joined, left or changed domains. @param pods on them: what they forbid is no longer forbidden there */
  domainsChanged(pods: readonly PodClass[]): void {
    this.#fitting.addPods(pods.some(forbids));
  }

  /** Whom pods select by the labels of namespaces is another now. */
  namespacesChanged(): void {
    this.#fitting.addPods(true);
  }

  #wakeFitting({ nodes: names, pods, terms }: Changes): void {
    const { queue, cluster, contextOf, isMember } = this.#options;
    const nodes = [...names].flatMap((name) => cluster.node(name) ?? []);
    for (const name of names) for (const uid of cluster.nominatedOn(name)) queue.wakeOne(uid);
    const isConcerned = ({ index, plugins }: SchedulingContext, pod: PodClass): boolean => {
      if (terms || (pods && plugins.domainPlugins.some((plugin) => plugin.looksAtOtherPods(pod))))
        return true;
      const local = index.localOf(pod);
      return nodes.some((node) => local.admits(node));
    };
    const concerned = remembered((pod) => {
      const context = contextOf(pod);
      return context !== undefined && isConcerned(context, pod);
    });
    const fits = remembered((pod) => {
      const context = contextOf(pod);
      return context !== undefined && fitsSomewhere(context, pod);
    });
    queue.wake(({ uid, podClass }) => {
      if (!concerned(podClass)) return false;
      if (isMember?.(uid) === true) return true;
      const nominatedFor = cluster.withdrawNomination(uid);
      if (nominatedFor === undefined) return fits(podClass);
      // The room that is kept for it must not stand in its way.
      const context = contextOf(podClass);
      const mayGo = context !== undefined && fitsSomewhere(context, podClass);
      cluster.nominate({ uid, podClass }, nominatedFor);
      return mayGo;
    });
  }

  #wakePreempting({ nodes: names }: Changes): void {
    const { queue, cluster, preemptionHelps } = this.#options;
    if (preemptionHelps === undefined) return;
    const nodes = [...names].flatMap((name) => cluster.node(name) ?? []);
    const lowest = cluster.lowestPriority;
    const helps = remembered(
      (pod) =>
        pod.mayPreempt &&
        pod.priority > lowest &&
        (nodes.length > maxNodesLookedAt || nodes.some((node) => preemptionHelps(pod, node))),
    );
    // One that is nominated waits for its victims.
    const isHelped = ({ uid, podClass }: QueuedPod): boolean =>
      cluster.nominationOf(uid) === undefined && helps(podClass);
    queue.wake(isHelped);
  }
}

const forbids = ({ affinity }: PodClass): boolean => affinity.requiredAnti.length > 0;

/** The same question about one class is asked once. */
function remembered(ask: (pod: PodClass) => boolean): (pod: PodClass) => boolean {
  const answers = new Map<PodClass, boolean>();
  return (pod) => {
    const answer = answers.get(pod) ?? ask(pod);
    answers.set(pod, answer);
    return answer;
  };
}
