/** Says why no node takes a pod, in the words of its `FailedScheduling` event. Nothing is changed by asking. */
import type { Cluster } from '../cache/cluster.ts';
import { DiagnosisMemo } from '../diagnosis-memo.ts';
import { diagnosisMessage, summary } from '../diagnosis-message.ts';
import type { PodClass } from '../framework/pod-class.ts';
import type { PodGroups } from '../groups/pod-groups.ts';
import type { DisruptionBudget } from '../preemption/disruption-budget.ts';
import { PreemptionIndex, type PreemptionPlan } from '../preemption/preemption-index.ts';
import type { Profile, Profiles } from '../profile.ts';
import { explain, preFilter, type Verdict } from '../schedule.ts';

export interface JudgeOptions {
  readonly cluster: Cluster;
  readonly profiles: Profiles;
  readonly groups: PodGroups;
  readonly budgets: () => readonly DisruptionBudget[];
}

interface Knowledge {
  readonly memo: DiagnosisMemo;
  readonly preemption: PreemptionIndex;
  budgets: readonly DisruptionBudget[] | undefined;
}

export class Judge {
  readonly cluster: Cluster;
  readonly groups: PodGroups;
  readonly #profiles: Profiles;
  readonly #budgets: () => readonly DisruptionBudget[];
  readonly #known = new Map<Profile, Knowledge>();

  constructor({ cluster, profiles, groups, budgets }: JudgeOptions) {
    this.cluster = cluster;
    this.groups = groups;
    this.#profiles = profiles;
    this.#budgets = budgets;
  }

  profileOf({ schedulerName }: PodClass): Profile | undefined {
    return this.#profiles.get(schedulerName);
  }

  messageFor(profile: Profile, pod: PodClass): string {
    const { counts } = this.#knowledgeOf(profile).memo.diagnosisOf(pod);
    const plan = this.preemptionFor(profile, pod);
    const text = !pod.mayPreempt
      ? 'not eligible due to preemptionPolicy=Never.'
      : plan?.node === undefined && plan !== undefined
        ? summary(this.cluster.nodeCount, plan.reasons)
        : undefined;
    return diagnosisMessage(this.cluster.nodeCount, { counts, everywhere: preFilter(pod)?.reasons[0] }, text);
  }

  /** Which pods of lower priority would have to go for a pod that fits nowhere; undefined: it may not ask that. */
  preemptionFor(profile: Profile, pod: PodClass): PreemptionPlan | undefined {
    if (!pod.mayPreempt) return undefined;
    const { memo, preemption } = this.#knowledgeOf(profile);
    return preemption.plan(pod, memo.diagnosisOf(pod));
  }

  /** Of a class that fits nowhere, every node's. What the message was made of is not found a second time. */
  verdictsFor(profile: Profile, pod: PodClass): readonly Verdict[] {
    const { context } = profile;
    // What pods elsewhere say is asked anew.
    if (context.index.placementOf(pod).rules.length > 0) return explain(context, pod);
    const diagnosis = this.#knowledgeOf(profile).memo.diagnosisOf(pod);
    return explain(context, pod, (slot) => diagnosis.rejectionAt(slot));
  }

  #knowledgeOf(profile: Profile): Knowledge {
    const { context } = profile;
    const known = this.#known.get(profile) ?? {
      memo: new DiagnosisMemo(context),
      preemption: new PreemptionIndex(context),
      budgets: undefined,
    };
    this.#known.set(profile, known);
    const budgets = this.#budgets();
    if (known.budgets !== budgets) known.preemption.setBudgets(budgets);
    known.budgets = budgets;
    return known;
  }
}
