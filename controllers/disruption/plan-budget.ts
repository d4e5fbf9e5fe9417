import type { Pod } from '../../api/generated/core-v1.ts';
import type { Condition } from '../../api/generated/meta-v1.ts';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '../../api/generated/policy-v1.ts';
import { toTime } from '../../base/clock.ts';
import { scaledValue } from '../int-or-percent.ts';
import { isPodReady, isTerminating } from '../pod-state.ts';

/** An eviction that has not deleted its pod after this long never will. */
const deletionTimeoutMs = 2 * 60_000;

export interface BudgetInput {
  readonly budget: PodDisruptionBudget;
  readonly pods: readonly Pod[];
  /** What the pods' owners ask for, together. Read only when the budget needs it. */
  readonly scale: number;
  readonly nowMs: number;
}

export interface PlannedBudget {
  readonly status: PodDisruptionBudgetStatus;
  readonly recheckInMs: number | undefined;
  /** Pods that were to be deleted and were not. */
  readonly notDeleted: readonly Pod[];
}

/** Whether the budget is relative to what the pods' owners ask for, and not a plain number of pods. */
export function needsScale({ spec }: PodDisruptionBudget): boolean {
  if (spec.maxUnavailable !== undefined) return true;
  return typeof spec.minAvailable === 'string';
}

export function planBudget({ budget, pods, scale, nowMs }: BudgetInput): PlannedBudget {
  const { spec } = budget;
  const expectedPods = needsScale(budget) ? scale : pods.length;
  const desiredHealthy =
    spec.maxUnavailable === undefined
      ? scaledValue(spec.minAvailable ?? 0, expectedPods, 'up')
      : Math.max(0, expectedPods - scaledValue(spec.maxUnavailable, expectedPods, 'up'));
  const { disruptedPods, recheckInMs, notDeleted } = disrupted(budget, pods, nowMs);
  const currentHealthy = pods.filter(
    (pod) => !isTerminating(pod) && isPodReady(pod) && !Object.hasOwn(disruptedPods, pod.metadata.name),
  ).length;
  const spare = currentHealthy - desiredHealthy;
  const disruptionsAllowed = expectedPods > 0 ? Math.max(0, spare) : 0;
  const observedGeneration = budget.metadata.generation ?? 0;
  const allowed = disruptionsAllowed > 0;
  return {
    status: {
      ...(Object.keys(disruptedPods).length > 0 ? { disruptedPods } : {}),
      ...{ currentHealthy, desiredHealthy, disruptionsAllowed, expectedPods, observedGeneration },
      conditions: withAllowed(budget, nowMs, {
        status: allowed ? 'True' : 'False',
        reason: allowed ? 'SufficientPods' : 'InsufficientPods',
        message: '',
        observedGeneration,
      }),
    },
    recheckInMs,
    notDeleted,
  };
}

/** Nothing may be disrupted while nobody knows what is expected. */
export function failedBudget(
  budget: PodDisruptionBudget,
  message: string,
  nowMs: number,
): PodDisruptionBudgetStatus {
  const { status } = budget;
  const observedGeneration = status?.observedGeneration ?? 0;
  return {
    ...{ currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
    ...status,
    disruptionsAllowed: 0,
    conditions: withAllowed(budget, nowMs, {
      ...{ status: 'False', reason: 'SyncFailed', message, observedGeneration },
    }),
  };
}

function disrupted(
  { status }: PodDisruptionBudget,
  pods: readonly Pod[],
  nowMs: number,
): {
  readonly disruptedPods: Record<string, string>;
  readonly recheckInMs: number | undefined;
  readonly notDeleted: readonly Pod[];
} {
  const disruptedPods: Record<string, string> = {};
  const notDeleted: Pod[] = [];
  const waits: number[] = [];
  for (const pod of pods) {
    const since = status?.disruptedPods?.[pod.metadata.name];
    if (since === undefined || isTerminating(pod)) continue;
    const waitMs = Date.parse(since) + deletionTimeoutMs - nowMs;
    if (waitMs <= 0) notDeleted.push(pod);
    else {
      disruptedPods[pod.metadata.name] = since;
      waits.push(waitMs);
    }
  }
  return { disruptedPods, notDeleted, recheckInMs: waits.length === 0 ? undefined : Math.min(...waits) };
}

function withAllowed(
  { status }: PodDisruptionBudget,
  nowMs: number,
  wanted: Pick<Condition, 'status' | 'reason' | 'message' | 'observedGeneration'>,
): Condition[] {
  const type = 'DisruptionAllowed';
  const others = (status?.conditions ?? []).filter((condition) => condition.type !== type);
  const current = status?.conditions?.find((condition) => condition.type === type);
  const lastTransitionTime = current?.status === wanted.status ? current.lastTransitionTime : toTime(nowMs);
  return [...others, { type, ...wanted, lastTransitionTime }];
}
