import type { HorizontalPodAutoscaler, HPAScalingRules } from '../../api/generated/autoscaling-v2.ts';

/** What happened lately to one autoscaler's target; kept in memory, as in Kubernetes. */
export interface ScalingHistory {
  /** Replica counts that metrics asked for. */
  readonly recommendations: readonly { readonly atMs: number; readonly replicas: number }[];
  /** Changes that were made: positive when growing. */
  readonly changes: readonly { readonly atMs: number; readonly by: number }[];
}

export const noHistory: ScalingHistory = { recommendations: [], changes: [] };

export interface Bounded {
  readonly replicas: number;
  /** For the condition AbleToScale. */
  readonly stabilized: 'ScaleUpStabilized' | 'ScaleDownStabilized' | undefined;
  /** For the condition ScalingLimited. */
  readonly limited: 'TooFewReplicas' | 'TooManyReplicas' | 'ScaleUpLimit' | 'ScaleDownLimit' | undefined;
}

const defaultDownWindowSeconds = 300;
/** Without rules of its own a target at most doubles in one step, or grows to this. */
const leastUpLimit = 4;
/** History older than any window matters no more. */
const longestWindowMs = 3_600_000;

/** What may be done of what the metrics ask for: stabilised over the windows, within rates and bounds. */
export function boundReplicas(
  { spec }: HorizontalPodAutoscaler,
  current: number,
  desired: number,
  history: ScalingHistory,
  nowMs: number,
): Bounded {
  const up = spec.behavior?.scaleUp;
  const down = spec.behavior?.scaleDown;
  const within = (seconds: number): number[] =>
    history.recommendations
      .filter(({ atMs }) => atMs > nowMs - seconds * 1_000)
      .map(({ replicas }) => replicas);
  const upFloor = Math.min(desired, ...within(up?.stabilizationWindowSeconds ?? 0));
  const downCeiling = Math.max(
    desired,
    ...within(down?.stabilizationWindowSeconds ?? defaultDownWindowSeconds),
  );
  const stable = Math.max(Math.min(current, downCeiling), upFloor);
  const stabilized =
    stable === desired ? undefined : stable > desired ? 'ScaleDownStabilized' : 'ScaleUpStabilized';
  return { ...limit(spec, current, stable, history, nowMs), stabilized };
}

function limit(
  spec: HorizontalPodAutoscaler['spec'],
  current: number,
  desired: number,
  { changes }: ScalingHistory,
  nowMs: number,
): Omit<Bounded, 'stabilized'> {
  const { maxReplicas, minReplicas = 1, behavior } = spec;
  const changedBy = (seconds: number, sign: 1 | -1): number =>
    changes
      .filter(({ atMs, by }) => atMs > nowMs - seconds * 1_000 && Math.sign(by) === sign)
      .reduce((sum, { by }) => sum + Math.abs(by), 0);
  if (desired > current) {
    const rate =
      behavior?.scaleUp === undefined
        ? Math.max(2 * current, leastUpLimit)
        : Math.max(
            current,
            upLimit(behavior.scaleUp, current, (seconds) => changedBy(seconds, 1)),
          );
    if (desired <= Math.min(rate, maxReplicas)) return { replicas: desired, limited: undefined };
    return rate < maxReplicas
      ? { replicas: rate, limited: 'ScaleUpLimit' }
      : { replicas: maxReplicas, limited: 'TooManyReplicas' };
  }
  const rate =
    behavior?.scaleDown === undefined
      ? 0
      : Math.min(
          current,
          downLimit(behavior.scaleDown, current, (seconds) => changedBy(seconds, -1)),
        );
  if (desired >= Math.max(rate, minReplicas)) return { replicas: desired, limited: undefined };
  return rate > minReplicas
    ? { replicas: rate, limited: 'ScaleDownLimit' }
    : { replicas: minReplicas, limited: 'TooFewReplicas' };
}

function upLimit(rules: HPAScalingRules, current: number, changed: (seconds: number) => number): number {
  if (rules.selectPolicy === 'Disabled') return current;
  const limits = (rules.policies ?? []).map(({ type, value, periodSeconds }) => {
    const start = current - changed(periodSeconds);
    return type === 'Pods' ? start + value : Math.ceil(start * (1 + value / 100));
  });
  if (limits.length === 0) return Number.POSITIVE_INFINITY;
  return rules.selectPolicy === 'Min' ? Math.min(...limits) : Math.max(...limits);
}

function downLimit(rules: HPAScalingRules, current: number, changed: (seconds: number) => number): number {
  if (rules.selectPolicy === 'Disabled') return current;
  const limits = (rules.policies ?? []).map(({ type, value, periodSeconds }) => {
    const start = current + changed(periodSeconds);
    return type === 'Pods' ? start - value : Math.floor(start * (1 - value / 100));
  });
  if (limits.length === 0) return 0;
  // The policy that changes most is the one with the lowest limit.
  return rules.selectPolicy === 'Min' ? Math.max(...limits) : Math.min(...limits);
}

export function withRecommendation(history: ScalingHistory, replicas: number, nowMs: number): ScalingHistory {
  const kept = history.recommendations.filter(({ atMs }) => atMs > nowMs - longestWindowMs);
  return { ...history, recommendations: [...kept, { atMs: nowMs, replicas }] };
}

export function withChange(history: ScalingHistory, by: number, nowMs: number): ScalingHistory {
  const kept = history.changes.filter(({ atMs }) => atMs > nowMs - longestWindowMs);
  return { ...history, changes: [...kept, { atMs: nowMs, by }] };
}
