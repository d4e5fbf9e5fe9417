import type { HorizontalPodAutoscalerCondition } from '../../api/generated/autoscaling-v2.ts';
import { toTime } from '../../base/clock.ts';
import type { Bounded } from './behavior.ts';

export type ConditionType = 'AbleToScale' | 'ScalingActive' | 'ScalingLimited';

export type Conditions = readonly HorizontalPodAutoscalerCondition[];

export function withCondition(
  conditions: Conditions,
  type: ConditionType,
  status: 'True' | 'False',
  why: readonly [reason: string, message: string],
  nowMs: number,
): Conditions {
  const [reason, message] = why;
  const current = conditions.find((condition) => condition.type === type);
  const lastTransitionTime = current?.status === status ? current.lastTransitionTime : toTime(nowMs);
  const next = { type, status, lastTransitionTime, reason, message };
  return current === undefined
    ? [...conditions, next]
    : conditions.map((condition) => (condition === current ? next : condition));
}

const limits = {
  TooFewReplicas: 'the desired replica count is less than the minimum replica count',
  TooManyReplicas: 'the desired replica count is more than the maximum replica count',
  ScaleUpLimit: 'the desired replica count is increasing faster than the maximum scale rate',
  ScaleDownLimit: 'the desired replica count is decreasing faster than the maximum scale rate',
} as const;

const stabilizations = {
  ScaleDownStabilized:
    'recent recommendations were higher than current one, applying the highest recent recommendation',
  ScaleUpStabilized:
    'recent recommendations were lower than current one, applying the lowest recent recommendation',
} as const;

/** What the bounds made of the recommendation, in conditions. */
export function withBounds(
  conditions: Conditions,
  { stabilized, limited }: Bounded,
  nowMs: number,
): Conditions {
  const able = withCondition(
    conditions,
    'AbleToScale',
    'True',
    stabilized === undefined
      ? ['ReadyForNewScale', 'recommended size matches current size']
      : [stabilized, stabilizations[stabilized]],
    nowMs,
  );
  return limited === undefined
    ? withCondition(
        able,
        'ScalingLimited',
        'False',
        ['DesiredWithinRange', 'the desired count is within the acceptable range'],
        nowMs,
      )
    : withCondition(able, 'ScalingLimited', 'True', [limited, limits[limited]], nowMs);
}
