import type { Deployment, ReplicaSet } from '../../api/generated/apps-v1.ts';
import { desiredReplicasAnnotation, maxReplicasAnnotation } from './annotations.ts';
import { isActive, isRollingUpdate, maxSurge, replicasOf, sumReplicas } from './availability.ts';
import { byCreation } from './template.ts';

/** A replica set and the size it is to have. */
export interface Scale {
  readonly replicaSet: ReplicaSet;
  readonly replicas: number;
}

export interface RolloutState {
  readonly deployment: Deployment;
  readonly newReplicaSet: ReplicaSet | undefined;
  readonly oldReplicaSets: readonly ReplicaSet[];
}

/** Has `spec.replicas` changed since the replica sets were last sized? */
export function isScalingEvent({ deployment, newReplicaSet, oldReplicaSets }: RolloutState): boolean {
  const all = newReplicaSet === undefined ? oldReplicaSets : [...oldReplicaSets, newReplicaSet];
  return all.filter(isActive).some((replicaSet) => {
    const desired = replicaSet.metadata.annotations?.[desiredReplicasAnnotation];
    return desired !== undefined && Number(desired) !== replicasOf(deployment);
  });
}

/** Sizes for a Deployment that is paused or was resized: one replica set takes all, several share in proportion. */
export function planScaling(state: RolloutState): Scale[] {
  const { deployment, newReplicaSet, oldReplicaSets } = state;
  const activeOld = oldReplicaSets.filter(isActive);
  const all = [...(newReplicaSet === undefined ? [] : [newReplicaSet]), ...oldReplicaSets];
  const active = all.filter(isActive);
  if (active.length <= 1) {
    const only = active[0] ?? newReplicaSet ?? [...oldReplicaSets].sort(byCreation).at(-1);
    return only === undefined ? [] : [{ replicaSet: only, replicas: replicasOf(deployment) }];
  }
  if (isSaturated(deployment, newReplicaSet))
    return activeOld.map((replicaSet) => ({ replicaSet, replicas: 0 }));
  return isRollingUpdate(deployment) ? planProportional(deployment, active) : [];
}

function isSaturated(deployment: Deployment, replicaSet: ReplicaSet | undefined): boolean {
  if (replicaSet === undefined) return false;
  const wanted = replicasOf(deployment);
  return (
    Number(replicaSet.metadata.annotations?.[desiredReplicasAnnotation]) === wanted &&
    replicasOf(replicaSet) === wanted &&
    (replicaSet.status?.availableReplicas ?? 0) === wanted
  );
}

/** Spreads the difference over the replica sets by their share; the largest takes what rounding leaves. */
function planProportional(deployment: Deployment, active: readonly ReplicaSet[]): Scale[] {
  const wanted = replicasOf(deployment);
  const allowed = wanted > 0 ? wanted + maxSurge(deployment) : 0;
  const toAdd = allowed - sumReplicas(active);
  const sorted = [...active].sort(
    (a, b) => replicasOf(b) - replicasOf(a) || (toAdd > 0 ? byCreation(b, a) : byCreation(a, b)),
  );
  let added = 0;
  const sizes = sorted.map((replicaSet) => {
    const share = proportionOf(deployment, replicaSet, toAdd, added);
    added += share;
    return replicasOf(replicaSet) + share;
  });
  return sorted.map((replicaSet, i) => {
    const size = (sizes[i] ?? 0) + (i === 0 ? toAdd - added : 0);
    return { replicaSet, replicas: Math.max(0, size) };
  });
}

function proportionOf(deployment: Deployment, replicaSet: ReplicaSet, toAdd: number, added: number): number {
  if (replicasOf(replicaSet) === 0 || toAdd === 0 || toAdd === added) return 0;
  const share = shareOf(deployment, replicaSet);
  return toAdd > 0 ? Math.min(share, toAdd - added) : Math.max(share, toAdd - added);
}

function shareOf(deployment: Deployment, replicaSet: ReplicaSet): number {
  const size = replicasOf(replicaSet);
  if (replicasOf(deployment) === 0) return -size;
  const annotated = Number(replicaSet.metadata.annotations?.[maxReplicasAnnotation] ?? 0);
  const before = annotated > 0 ? annotated : (deployment.status?.replicas ?? 0);
  if (before === 0) return 0;
  return Math.round((size * (replicasOf(deployment) + maxSurge(deployment))) / before) - size;
}
