import type { Deployment, ReplicaSet } from '../../api/generated/apps-v1.ts';
import { scaledValue } from '../int-or-percent.ts';

/** How many pods a Deployment may have too many and too few, and how many it has: arithmetic on specs and statuses. */

export const replicasOf = (object: Deployment | ReplicaSet): number => object.spec.replicas ?? 1;

export function isRollingUpdate(deployment: Deployment): boolean {
  return (deployment.spec.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
}

/** Surge rounds up and unavailability down; both being 0 would never move, so then one may be unavailable. */
function fenceposts(deployment: Deployment): { readonly surge: number; readonly unavailable: number } {
  const limits = deployment.spec.strategy?.rollingUpdate;
  const surge = scaledValue(limits?.maxSurge ?? '25%', replicasOf(deployment), 'up');
  const unavailable = scaledValue(limits?.maxUnavailable ?? '25%', replicasOf(deployment), 'down');
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

export function maxSurge(deployment: Deployment): number {
  return isRollingUpdate(deployment) ? fenceposts(deployment).surge : 0;
}

export function maxUnavailable(deployment: Deployment): number {
  const replicas = replicasOf(deployment);
  if (!isRollingUpdate(deployment) || replicas === 0) return 0;
  return Math.min(fenceposts(deployment).unavailable, replicas);
}

export function sumReplicas(replicaSets: readonly ReplicaSet[]): number {
  return replicaSets.reduce((sum, replicaSet) => sum + replicasOf(replicaSet), 0);
}

type Counter = 'replicas' | 'readyReplicas' | 'availableReplicas' | 'terminatingReplicas';

export function sumStatus(replicaSets: readonly ReplicaSet[], counter: Counter): number {
  return replicaSets.reduce((sum, { status }) => sum + (status?.[counter] ?? 0), 0);
}

export const isActive = (replicaSet: ReplicaSet): boolean => replicasOf(replicaSet) > 0;
