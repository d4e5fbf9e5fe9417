import type { PodDisruptionBudget } from '../../api/generated/policy-v1.ts';
import { fromLabelSelector, matchesSelector, type Selector } from '../../api/selector.ts';
import type { PlacedPod } from '../cache/cluster.ts';

/** A PodDisruptionBudget as preemption sees it. */
export interface DisruptionBudget {
  readonly namespace: string;
  readonly selector: Selector | undefined;
  readonly allowed: number;
  /** Pods, by name, whose eviction is counted already. */
  readonly disrupted: ReadonlySet<string>;
}

export const toDisruptionBudget = ({ metadata, spec, status }: PodDisruptionBudget): DisruptionBudget => ({
  namespace: metadata.namespace ?? 'default',
  selector: fromLabelSelector(spec?.selector),
  allowed: status?.disruptionsAllowed ?? 0,
  disrupted: new Set(Object.keys(status?.disruptedPods ?? {})),
});

/** Which of these pods, evicted in this order, would break a budget. */
export function violatingPods(
  pods: readonly PlacedPod[],
  budgets: readonly DisruptionBudget[],
): ReadonlySet<PlacedPod> {
  const violating = new Set<PlacedPod>();
  if (budgets.length === 0) return violating;
  const left = budgets.map(({ allowed }) => allowed);
  for (const pod of pods) {
    // As in Kubernetes no budget covers it, whatever selects pods that lack a label.
    if (Object.keys(pod.podClass.labels).length === 0) continue;
    for (const [i, budget] of budgets.entries()) {
      if (!covers(budget, pod)) continue;
      const allowed = (left[i] ?? 0) - 1;
      left[i] = allowed;
      if (allowed < 0) violating.add(pod);
    }
  }
  return violating;
}

function covers(
  { namespace, selector, disrupted }: DisruptionBudget,
  { name, podClass }: PlacedPod,
): boolean {
  if (podClass.namespace !== namespace || selector === undefined || selector.length === 0) return false;
  return !disrupted.has(name.slice(namespace.length + 1)) && matchesSelector(selector, podClass.labels);
}
