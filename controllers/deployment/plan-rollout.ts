import type { Deployment, DeploymentStatus, ReplicaSet } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { controllerOf } from '../ownership.ts';
import { isPodTerminal, isTerminating } from '../pod-state.ts';
import { revisionOf } from './annotations.ts';
import { isActive, replicasOf } from './availability.ts';
import { isComplete } from './deployment-status.ts';
import { planRollingUpdate } from './rolling-update.ts';
import { isScalingEvent, planScaling, type RolloutState, type Scale } from './scaling.ts';
import { byCreation, findByTemplate } from './template.ts';

/** What to do next for one Deployment; its status is derived after that, from the same state. */
export type Step =
  | { readonly kind: 'scale'; readonly scales: readonly Scale[]; readonly status: StatusKind }
  /** The current replica set is missing or its annotations are out of date: ensure it, then plan again. */
  | { readonly kind: 'ensureNew' }
  | { readonly kind: 'settle'; readonly toDelete: readonly ReplicaSet[]; readonly status: StatusKind };

/** `counters` leaves Progressing alone: a paused or just resized Deployment makes no progress and misses no deadline. */
export type StatusKind = 'counters' | 'rollout';

export interface PlanInput extends RolloutState {
  /** Pods of this Deployment's replica sets. */
  readonly pods: readonly Pod[];
  /** Whether `newReplicaSet` is known to be ensured in this reconciliation. */
  readonly ensured: boolean;
}

export function toRolloutState(deployment: Deployment, owned: readonly ReplicaSet[]): RolloutState {
  const newReplicaSet = findByTemplate(owned, deployment.spec.template);
  return {
    deployment,
    newReplicaSet,
    oldReplicaSets: owned.filter((replicaSet) => replicaSet !== newReplicaSet).sort(byCreation),
  };
}

export function planRollout(input: PlanInput): Step {
  const { deployment } = input;
  if (isTerminating(deployment)) return { kind: 'settle', toDelete: [], status: 'counters' };
  if (input.newReplicaSet !== undefined && !input.ensured) return { kind: 'ensureNew' };
  if (deployment.spec.paused === true) return planPaused(input);
  if (isScalingEvent(input)) return scaleStep(planScaling(input), 'counters', []);
  return deployment.spec.strategy?.type === 'Recreate' ? planRecreate(input) : planRolling(input);
}

function planPaused(input: PlanInput): Step {
  const scales = planScaling(input);
  const toDelete = surplusHistory(input);
  const resizes = scales.some(({ replicaSet, replicas }) => replicas !== replicasOf(replicaSet));
  return scaleStep(resizes || toDelete.length === 0 ? scales : [], 'counters', toDelete);
}

function planRolling(input: PlanInput): Step {
  const { newReplicaSet } = input;
  if (newReplicaSet === undefined) return { kind: 'ensureNew' };
  return scaleStep(planRollingUpdate({ ...input, newReplicaSet }), 'rollout', historyIfComplete(input));
}

/** All old pods end before the first new one starts. */
function planRecreate(input: PlanInput): Step {
  const { deployment, newReplicaSet, oldReplicaSets } = input;
  const down = oldReplicaSets.filter(isActive).map((replicaSet) => ({ replicaSet, replicas: 0 }));
  if (down.length > 0) return scaleStep(down, 'rollout', []);
  if (hasRunningOldPods(input)) return { kind: 'settle', toDelete: [], status: 'rollout' };
  if (newReplicaSet === undefined) return { kind: 'ensureNew' };
  const up =
    replicasOf(newReplicaSet) === replicasOf(deployment)
      ? []
      : [{ replicaSet: newReplicaSet, replicas: replicasOf(deployment) }];
  return scaleStep(up, 'rollout', historyIfComplete(input));
}

function hasRunningOldPods({ newReplicaSet, pods }: PlanInput): boolean {
  return pods.some((pod) => !isPodTerminal(pod) && controllerOf(pod)?.uid !== newReplicaSet?.metadata.uid);
}

function scaleStep(scales: readonly Scale[], status: StatusKind, toDelete: readonly ReplicaSet[]): Step {
  return scales.length > 0 ? { kind: 'scale', scales, status } : { kind: 'settle', toDelete, status };
}

function historyIfComplete(input: PlanInput): readonly ReplicaSet[] {
  const status: DeploymentStatus = input.deployment.status ?? {};
  return isComplete(input.deployment, status) ? surplusHistory(input) : [];
}

const byRevision = (a: ReplicaSet, b: ReplicaSet): number =>
  Number(revisionOf(a) > revisionOf(b)) - Number(revisionOf(a) < revisionOf(b));

/** Old replica sets beyond the history limit that nothing runs from, lowest revision first. */
function surplusHistory({ deployment, oldReplicaSets }: RolloutState): readonly ReplicaSet[] {
  const limit = deployment.spec.revisionHistoryLimit;
  if (limit === undefined) return [];
  const kept = oldReplicaSets.filter((replicaSet) => !isTerminating(replicaSet));
  return [...kept]
    .sort((a, b) => byRevision(a, b) || byCreation(a, b))
    .slice(0, Math.max(0, kept.length - limit))
    .filter(
      ({ metadata, spec, status }) =>
        (status?.replicas ?? 0) === 0 &&
        (spec.replicas ?? 0) === 0 &&
        (metadata.generation ?? 0) <= (status?.observedGeneration ?? 0),
    );
}
