import type { Deployment, DeploymentCondition, DeploymentStatus } from '../../api/generated/apps-v1.ts';
import { toTime } from '../../base/clock.ts';

export interface ConditionUpdate {
  readonly type: 'Available' | 'Progressing' | 'ReplicaFailure';
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** Kubernetes' way to say "no deadline". */
const noDeadline = 2_147_483_647;

export function conditionOf(
  status: DeploymentStatus | undefined,
  type: ConditionUpdate['type'],
): DeploymentCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

export function hasProgressDeadline({ spec }: Deployment): boolean {
  return spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== noDeadline;
}

/** Leaves a condition with the same status and reason as it is; a changed status is a transition. */
export function withCondition(
  conditions: readonly DeploymentCondition[],
  update: ConditionUpdate,
  nowMs: number,
): DeploymentCondition[] {
  const current = conditions.find(({ type }) => type === update.type);
  if (current?.status === update.status && current.reason === update.reason) return [...conditions];
  return [...without(conditions, update.type), fresh(update, current, nowMs)];
}

/** As `withCondition`, but also renews the time of the last update: there was progress again. */
export function withRenewedCondition(
  conditions: readonly DeploymentCondition[],
  update: ConditionUpdate,
  nowMs: number,
): DeploymentCondition[] {
  const current = conditions.find(({ type }) => type === update.type);
  return [...without(conditions, update.type), fresh(update, current, nowMs)];
}

export function without(
  conditions: readonly DeploymentCondition[],
  type: ConditionUpdate['type'],
): DeploymentCondition[] {
  return conditions.filter((condition) => condition.type !== type);
}

function fresh(
  update: ConditionUpdate,
  current: DeploymentCondition | undefined,
  nowMs: number,
): DeploymentCondition {
  const now = toTime(nowMs);
  const lastTransitionTime = current?.status === update.status ? current.lastTransitionTime : now;
  return { ...update, lastUpdateTime: now, lastTransitionTime };
}
