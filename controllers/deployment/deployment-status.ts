import type {
  Deployment,
  DeploymentCondition,
  DeploymentStatus,
  ReplicaSet,
} from '../../api/generated/apps-v1.ts';
import { omitZeros } from '../omit-zeros.ts';
import { isTerminating } from '../pod-state.ts';
import { maxUnavailable, replicasOf, sumReplicas, sumStatus } from './availability.ts';
import {
  type ConditionUpdate,
  conditionOf,
  hasProgressDeadline,
  withCondition,
  without,
  withRenewedCondition,
} from './conditions.ts';
import type { RolloutState } from './scaling.ts';

/** Counters and the Available condition; the other conditions stay as they are. */
export function planStatus(state: RolloutState, nowMs: number): DeploymentStatus {
  const { deployment, newReplicaSet } = state;
  const all = allOf(state);
  const available = sumStatus(all, 'availableReplicas');
  const isAvailable = available >= replicasOf(deployment) - maxUnavailable(deployment);
  const conditions = withCondition(
    deployment.status?.conditions ?? [],
    isAvailable
      ? {
          type: 'Available',
          status: 'True',
          reason: 'MinimumReplicasAvailable',
          message: 'Deployment has minimum availability.',
        }
      : {
          type: 'Available',
          status: 'False',
          reason: 'MinimumReplicasUnavailable',
          message: 'Deployment does not have minimum availability.',
        },
    nowMs,
  );
  return {
    ...omitZeros({
      observedGeneration: deployment.metadata.generation ?? 0,
      replicas: sumStatus(all, 'replicas'),
      updatedReplicas: newReplicaSet?.status?.replicas ?? 0,
      readyReplicas: sumStatus(all, 'readyReplicas'),
      availableReplicas: available,
      unavailableReplicas: Math.max(0, sumReplicas(all) - available),
    }),
    terminatingReplicas: sumStatus(all, 'terminatingReplicas'),
    ...(deployment.status?.collisionCount === undefined
      ? {}
      : { collisionCount: deployment.status.collisionCount }),
    conditions,
  };
}

/** The whole status of a rollout: counters, Available, Progressing with its deadline, ReplicaFailure. */
export function planRolloutStatus(state: RolloutState, nowMs: number): DeploymentStatus {
  const status = planStatus(state, nowMs);
  const progressing = planProgressing(state, status, nowMs);
  return { ...status, conditions: withReplicaFailure(progressing, state) };
}

export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = replicasOf(deployment);
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

/** Milliseconds until the progress deadline has to be looked at again; undefined when it does not matter. */
export function deadlineCheckInMs(
  deployment: Deployment,
  status: DeploymentStatus,
  nowMs: number,
): number | undefined {
  const current = conditionOf(deployment.status, 'Progressing');
  if (!hasProgressDeadline(deployment) || current === undefined) return undefined;
  // Nobody's deadline runs then.
  if (deployment.spec.paused === true || isTerminating(deployment)) return undefined;
  if (isComplete(deployment, status) || current.reason === 'ProgressDeadlineExceeded') return undefined;
  const left = deadlineMs(deployment, current) - nowMs;
  return Math.max(0, left) + 1000;
}

function allOf({ newReplicaSet, oldReplicaSets }: RolloutState): readonly ReplicaSet[] {
  return newReplicaSet === undefined ? oldReplicaSets : [...oldReplicaSets, newReplicaSet];
}

function planProgressing(
  { deployment, newReplicaSet }: RolloutState,
  status: DeploymentStatus,
  nowMs: number,
): DeploymentCondition[] {
  const conditions = status.conditions ?? [];
  if (!hasProgressDeadline(deployment)) return without(conditions, 'Progressing');
  const current = conditionOf(deployment.status, 'Progressing');
  const wasComplete =
    (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && current?.reason === 'NewReplicaSetAvailable';
  if (wasComplete) return conditions;
  const subject =
    newReplicaSet === undefined
      ? `Deployment "${deployment.metadata.name}"`
      : `ReplicaSet "${newReplicaSet.metadata.name}"`;
  const update = (status: 'True' | 'False', reason: string, what: string): ConditionUpdate => ({
    type: 'Progressing',
    status,
    reason,
    message: `${subject} ${what}`,
  });
  if (isComplete(deployment, status))
    return withCondition(
      conditions,
      update('True', 'NewReplicaSetAvailable', 'has successfully progressed.'),
      nowMs,
    );
  if (hasProgressed(deployment, status))
    return withRenewedCondition(conditions, update('True', 'ReplicaSetUpdated', 'is progressing.'), nowMs);
  if (hasTimedOut(deployment, current, nowMs))
    return withCondition(
      conditions,
      update('False', 'ProgressDeadlineExceeded', 'has timed out progressing.'),
      nowMs,
    );
  return conditions;
}

function hasProgressed({ status: before }: Deployment, now: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus | undefined): number =>
    (status?.replicas ?? 0) - (status?.updatedReplicas ?? 0);
  return (
    (now.updatedReplicas ?? 0) > (before?.updatedReplicas ?? 0) ||
    old(now) < old(before) ||
    (now.readyReplicas ?? 0) > (before?.readyReplicas ?? 0) ||
    (now.availableReplicas ?? 0) > (before?.availableReplicas ?? 0)
  );
}

function hasTimedOut(
  deployment: Deployment,
  current: DeploymentCondition | undefined,
  nowMs: number,
): boolean {
  if (current === undefined || current.reason === 'NewReplicaSetAvailable') return false;
  if (current.reason === 'ProgressDeadlineExceeded') return true;
  return deadlineMs(deployment, current) < nowMs;
}

function deadlineMs({ spec }: Deployment, current: DeploymentCondition): number {
  return Date.parse(current.lastUpdateTime ?? '') + (spec.progressDeadlineSeconds ?? 0) * 1000;
}

function withReplicaFailure(conditions: DeploymentCondition[], state: RolloutState): DeploymentCondition[] {
  const failures = [
    ...(state.newReplicaSet === undefined ? [] : [state.newReplicaSet]),
    ...state.oldReplicaSets,
  ];
  const failure = failures
    .flatMap(({ status }) => status?.conditions ?? [])
    .find((condition) => condition.type === 'ReplicaFailure' && condition.status === 'True');
  const others = without(conditions, 'ReplicaFailure');
  if (failure === undefined) return others;
  return [...others, { ...failure, lastUpdateTime: failure.lastTransitionTime }];
}
