/** PostFilter: makes room for a pod that fits nowhere by evicting pods of lower priority, where that helps. */
import type { Pod } from '../../api/generated/core-v1.ts';
import type { Cluster, PlacedPod } from '../cache/cluster.ts';
import type { DiagnosisSummary } from '../diagnosis-memo.ts';
import { summary } from '../diagnosis-message.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import type { PodClass } from '../framework/pod-class.ts';
import type { Profile } from '../profile.ts';
import type { QueuedPod } from '../queue/scheduling-queue.ts';
import type { SchedulingContext } from '../schedule.ts';
import type { DisruptionBudget } from './disruption-budget.ts';
import type { Evictor } from './evictor.ts';
import { PreemptionIndex } from './preemption-index.ts';

export type PreemptionOutcome =
  /** The pod waits for its victims to leave this node. */
  | { readonly nominatedNodeName: string; readonly victims: number }
  /** What the pod's message says of preemption. */
  | { readonly nominatedNodeName: undefined; readonly text: string };

export interface PreemptionRequest {
  readonly queued: QueuedPod;
  readonly profile: Profile;
  readonly diagnosis: DiagnosisSummary;
  /** Where the pod has been nominated before. */
  readonly nominatedFor: string | undefined;
}

export interface PreemptorOptions {
  readonly evictor: Pick<Evictor, 'start' | 'drain'>;
  /** Victims count as ending from now on. */
  readonly onLeaving: () => void;
  /** A victim on this node cannot be evicted and counts as before; this pod waited for its end. */
  readonly onStaying: (nodeName: string, preemptor: string) => void;
  /** The pod is no longer nominated: one of higher priority goes where it was to go. */
  readonly onDisplaced: (uid: string) => void;
}

export class Preemptor {
  readonly #options: PreemptorOptions;
  readonly #indexes = new Map<SchedulingContext, PreemptionIndex>();
  #budgets: readonly DisruptionBudget[] = [];

  constructor(options: PreemptorOptions) {
    this.#options = options;
  }

  get budgets(): readonly DisruptionBudget[] {
    return this.#budgets;
  }

  setBudgets(budgets: readonly DisruptionBudget[]): void {
    this.#budgets = budgets;
    for (const index of this.#indexes.values()) index.setBudgets(budgets);
  }

  attempt({ queued, profile, diagnosis, nominatedFor }: PreemptionRequest): PreemptionOutcome {
    const { cluster } = profile.context;
    const { uid, podClass, pod } = queued;
    if (!podClass.mayPreempt)
      return { nominatedNodeName: undefined, text: 'not eligible due to preemptionPolicy=Never.' };
    const isRuledOut = diagnosis.rejectionAt(cluster.node(nominatedFor ?? '')?.slot ?? -1)?.isFinal === true;
    if (nominatedFor !== undefined && !isRuledOut && hasEndingVictims(cluster, nominatedFor, podClass)) {
      cluster.nominate({ uid, podClass }, nominatedFor);
      return { nominatedNodeName: nominatedFor, victims: 0 };
    }
    const plan = this.#indexOf(profile.context).plan(podClass, diagnosis);
    if (plan.node === undefined)
      return { nominatedNodeName: undefined, text: summary(cluster.nodeCount, plan.reasons) };
    this.#displace(cluster, podClass, plan.node);
    cluster.nominate({ uid, podClass }, plan.node);
    this.evict(cluster, pod, { node: plan.node, victims: plan.victims });
    return { nominatedNodeName: plan.node, victims: plan.victims.length };
  }

  /** Pods of lower priority that waited for room there look for it elsewhere at once, as in Kubernetes. */
  #displace(cluster: Cluster, { priority }: PodClass, nodeName: string): void {
    for (const { uid, podClass } of cluster.node(nodeName)?.nominations ?? []) {
      if (podClass.priority >= priority) continue;
      cluster.withdrawNomination(uid);
      this.#options.onDisplaced(uid);
    }
  }

  /** Lets the victims go; `preemptor` is tried again when one of them cannot. */
  evict(
    cluster: Cluster,
    preemptor: Pod,
    { node, victims }: { readonly node: string; readonly victims: readonly PlacedPod[] },
  ): void {
    const { evictor, onLeaving, onStaying } = this.#options;
    const leaving = victims.map((victim): PlacedPod => ({ ...victim, isLive: false }));
    for (const victim of leaving) cluster.setPod(victim);
    onLeaving();
    const onFailure = (victim: PlacedPod): void => {
      // Unless the watch has told of it since: nobody must wait for its end.
      if (cluster.pod(victim.uid) === victim) cluster.setPod({ ...victim, isLive: true });
      onStaying(node, preemptor.metadata.uid);
    };
    evictor.start({ preemptor, nodeName: node, victims: leaving, onFailure });
  }

  /** Whether the pod would fit on the node if pods of lower priority were evicted there. */
  helpsOn(context: SchedulingContext, pod: PodClass, node: NodeInfo): boolean {
    return this.#indexOf(context).helpsOn(pod, node);
  }

  drain(): Promise<void> {
    return this.#options.evictor.drain();
  }

  #indexOf(context: SchedulingContext): PreemptionIndex {
    const known = this.#indexes.get(context);
    if (known !== undefined) return known;
    const created = new PreemptionIndex(context);
    created.setBudgets(this.#budgets);
    this.#indexes.set(context, created);
    return created;
  }
}

/** Whether pods that this one may displace are leaving the node already, and there is a node for it then. */
export function hasEndingVictims(cluster: Cluster, nodeName: string, pod: PodClass): boolean {
  if (cluster.node(nodeName) === undefined) return false;
  for (const { isLive, podClass } of cluster.podsOn(nodeName))
    if (!isLive && podClass.priority < pod.priority) return true;
  return false;
}
