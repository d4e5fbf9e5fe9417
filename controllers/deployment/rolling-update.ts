import type { Deployment, ReplicaSet } from '../../api/generated/apps-v1.ts';
import {
  isActive,
  isRollingUpdate,
  maxSurge,
  maxUnavailable,
  replicasOf,
  sumReplicas,
  sumStatus,
} from './availability.ts';
import type { RolloutState, Scale } from './scaling.ts';
import { byCreation } from './template.ts';

/** How large the new replica set may be now: all that is wanted, as far as the surge leaves room beside the old pods. */
export function newReplicaSetSize(
  deployment: Deployment,
  all: readonly ReplicaSet[],
  current: number,
): number {
  const wanted = replicasOf(deployment);
  if (!isRollingUpdate(deployment)) return wanted;
  const room = wanted + maxSurge(deployment) - sumReplicas(all);
  return room <= 0 ? current : current + Math.min(room, wanted - current);
}

/** The next move of a rolling update: grow the new replica set; when it cannot grow, shrink old ones. */
export function planRollingUpdate(state: RolloutState & { readonly newReplicaSet: ReplicaSet }): Scale[] {
  const grown = planNew(state);
  return grown.length > 0 ? grown : planOld(state);
}

function planNew({ deployment, newReplicaSet, oldReplicaSets }: RolloutState): Scale[] {
  if (newReplicaSet === undefined) return [];
  const [current, wanted] = [replicasOf(newReplicaSet), replicasOf(deployment)];
  if (current === wanted) return [];
  const replicas =
    current > wanted ? wanted : newReplicaSetSize(deployment, [...oldReplicaSets, newReplicaSet], current);
  return replicas === current ? [] : [{ replicaSet: newReplicaSet, replicas }];
}

/**
 * First pods that are not available anyway, oldest replica set first, then available ones as far as
 * `maxUnavailable` allows. New pods that are not yet available count as missing, so that a broken new version never
 * eats more of the old one than that.
 */
function planOld({ deployment, newReplicaSet, oldReplicaSets }: RolloutState): Scale[] {
  const old = oldReplicaSets.filter(isActive).sort(byCreation);
  const all = newReplicaSet === undefined ? old : [...old, newReplicaSet];
  const minAvailable = replicasOf(deployment) - maxUnavailable(deployment);
  const newUnavailable =
    newReplicaSet === undefined
      ? 0
      : replicasOf(newReplicaSet) - (newReplicaSet.status?.availableReplicas ?? 0);
  const maxScaledDown = sumReplicas(all) - minAvailable - newUnavailable;
  if (old.length === 0 || maxScaledDown <= 0) return [];

  const sizes = new Map(old.map((replicaSet) => [replicaSet, replicasOf(replicaSet)]));
  takeAway(old, sizes, maxScaledDown, (replicaSet) =>
    Math.max(0, replicasOf(replicaSet) - (replicaSet.status?.availableReplicas ?? 0)),
  );
  const spare = sumStatus(all, 'availableReplicas') - minAvailable;
  takeAway(old, sizes, spare, (replicaSet) => sizes.get(replicaSet) ?? 0);
  return old
    .map((replicaSet) => ({ replicaSet, replicas: sizes.get(replicaSet) ?? 0 }))
    .filter(({ replicaSet, replicas }) => replicas !== replicasOf(replicaSet));
}

/** Takes up to `budget` pods from the replica sets in order, from each at most what `limitOf` says. */
function takeAway(
  replicaSets: readonly ReplicaSet[],
  sizes: Map<ReplicaSet, number>,
  budget: number,
  limitOf: (replicaSet: ReplicaSet) => number,
): void {
  let left = budget;
  for (const replicaSet of replicaSets) {
    if (left <= 0) return;
    const taken = Math.min(left, limitOf(replicaSet), sizes.get(replicaSet) ?? 0);
    sizes.set(replicaSet, (sizes.get(replicaSet) ?? 0) - taken);
    left -= taken;
  }
}
