import type { StatefulSet } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { scaledValue } from '../int-or-percent.ts';
import { availableInMs, isPodReady, isPodTerminal, isTerminating } from '../pod-state.ts';
import {
  hasIdentity,
  isInRange,
  ordinalOf,
  replicasOf,
  revisionNameOf,
  startOrdinal,
  type Version,
} from './identity.ts';

/** What a stateful set and its pods say together. */
export interface ReplicaView {
  readonly set: StatefulSet;
  readonly pods: readonly Pod[];
  /** Most pods were made from this one before the last change of the template. */
  readonly current: Version;
  readonly update: Version;
  readonly nowMs: number;
}

export type ReplicaStep =
  | { readonly kind: 'create'; readonly ordinal: number; readonly version: Version }
  | { readonly kind: 'delete'; readonly pod: Pod }
  /** It has ended by itself, and is deleted to be made anew. */
  | { readonly kind: 'recreate'; readonly pod: Pod }
  | { readonly kind: 'ensureClaims'; readonly pod: Pod; readonly ordinal: number }
  | { readonly kind: 'repair'; readonly pod: Pod; readonly ordinal: number };

const isRunningAndReady = (pod: Pod): boolean => pod.status?.phase === 'Running' && isPodReady(pod);

export function isAvailable(pod: Pod, { spec }: StatefulSet, nowMs: number): boolean {
  return isRunningAndReady(pod) && availableInMs(pod, spec.minReadySeconds ?? 0, nowMs) === 0;
}

/**
 * The next steps towards the wanted replicas. Ordered sets take one at a time: upwards to create, downwards to delete,
 * and each waits for those before it; parallel ones take all at once. A rolling update comes when all replicas are there.
 */
export function planReplicas(view: ReplicaView): readonly ReplicaStep[] {
  if (isTerminating(view.set)) return [];
  const isOrdered = view.set.spec.podManagementPolicy !== 'Parallel';
  const { replicas, condemned } = partition(view);
  const built = planLiving(view, replicas, isOrdered);
  if (built.blocks) return built.steps;
  const shrunk = planCondemned(view, replicas, condemned, isOrdered);
  if (shrunk.blocks) return [...built.steps, ...shrunk.steps];
  return [...built.steps, ...shrunk.steps, ...planUpdate(view, replicas)];
}

interface Replica {
  readonly ordinal: number;
  readonly pod: Pod | undefined;
}

interface Stage {
  readonly steps: readonly ReplicaStep[];
  /** Nothing further may happen before this is done. */
  readonly blocks: boolean;
}

function partition({ set, pods }: ReplicaView): {
  readonly replicas: readonly Replica[];
  /** Beyond the wanted ones, the highest first. */
  readonly condemned: readonly Pod[];
} {
  const byOrdinal = new Map<number, Pod>();
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal !== undefined) byOrdinal.set(ordinal, pod);
  }
  const first = startOrdinal(set);
  const replicas = Array.from({ length: replicasOf(set) }, (_, i) => ({
    ...{ ordinal: first + i, pod: byOrdinal.get(first + i) },
  }));
  const condemned = [...byOrdinal]
    .filter(([ordinal]) => !isInRange(set, ordinal))
    .sort(([a], [b]) => b - a)
    .map(([, pod]) => pod);
  return { replicas, condemned };
}

function planLiving(view: ReplicaView, replicas: readonly Replica[], isOrdered: boolean): Stage {
  const steps: ReplicaStep[] = [];
  let blocks = false;
  for (const { ordinal, pod } of replicas) {
    const stage = planReplica(view, ordinal, pod, isOrdered);
    steps.push(...stage.steps);
    blocks ||= stage.blocks;
    if (stage.blocks && isOrdered) break;
  }
  return { steps, blocks };
}

function planReplica(view: ReplicaView, ordinal: number, pod: Pod | undefined, isOrdered: boolean): Stage {
  const { set, nowMs } = view;
  if (pod === undefined) {
    const version = versionFor(view, ordinal);
    return { steps: [{ kind: 'create', ordinal, version }], blocks: isOrdered };
  }
  if (isPodTerminal(pod))
    return { steps: isTerminating(pod) ? [] : [{ kind: 'recreate', pod }], blocks: isOrdered };
  const steps: ReplicaStep[] = [];
  if (pod.status?.phase === 'Pending') steps.push({ kind: 'ensureClaims', pod, ordinal });
  const waits = isTerminating(pod) || !isAvailable(pod, set, nowMs);
  if (waits && isOrdered) return { steps, blocks: true };
  if (!isTerminating(pod) && !hasIdentity(set, pod, ordinal)) steps.push({ kind: 'repair', pod, ordinal });
  return { steps, blocks: false };
}

/** Below the partition of a rolling update, replicas are made from the old template. */
function versionFor({ set, current, update }: ReplicaView, ordinal: number): Version {
  const { type = 'RollingUpdate', rollingUpdate } = set.spec.updateStrategy ?? {};
  if (type !== 'RollingUpdate' || current.name === update.name) return update;
  // Kubernetes counts on `status.currentReplicas` without a partition; after a pod without a grace period that is too late,
  // and the pod would come back as it was for ever.
  const boundary = rollingUpdate?.partition ?? 0;
  return ordinal < startOrdinal(set) + boundary ? current : update;
}

function planCondemned(
  { set, nowMs }: ReplicaView,
  replicas: readonly Replica[],
  condemned: readonly Pod[],
  isOrdered: boolean,
): Stage {
  const steps: ReplicaStep[] = [];
  const isUnhealthy = (pod: Pod): boolean => isTerminating(pod) || !isAvailable(pod, set, nowMs);
  const lowestFirst = [...replicas.flatMap(({ pod }) => pod ?? []), ...[...condemned].reverse()];
  const firstUnhealthy = lowestFirst.find(isUnhealthy);
  for (const pod of condemned) {
    if (isOrdered && (isTerminating(pod) || (isUnhealthy(pod) && pod !== firstUnhealthy)))
      return { steps, blocks: true };
    if (!isTerminating(pod)) steps.push({ kind: 'delete', pod });
    if (isOrdered) return { steps, blocks: true };
  }
  return { steps, blocks: false };
}

/** Pods of the old template, from the highest ordinal down to the partition, as many as may be unavailable. */
function planUpdate(
  { set, update, nowMs }: ReplicaView,
  replicas: readonly Replica[],
): readonly ReplicaStep[] {
  const { type = 'RollingUpdate', rollingUpdate } = set.spec.updateStrategy ?? {};
  if (type !== 'RollingUpdate') return [];
  const total = replicasOf(set);
  const allowed = Math.max(1, scaledValue(rollingUpdate?.maxUnavailable ?? 1, total, 'down'));
  const isUnavailable = (pod: Pod | undefined): boolean =>
    pod === undefined || isTerminating(pod) || !isAvailable(pod, set, nowMs);
  let spare = allowed - replicas.filter(({ pod }) => isUnavailable(pod)).length;
  const steps: ReplicaStep[] = [];
  for (const { pod } of replicas.slice(rollingUpdate?.partition ?? 0).reverse()) {
    if (pod === undefined || isTerminating(pod) || isPodTerminal(pod)) continue;
    if (revisionNameOf(pod) === update.name) continue;
    // One that serves nobody costs nothing; it is counted as unavailable already.
    if (isUnavailable(pod)) steps.push({ kind: 'delete', pod });
    else if (spare <= 0) break;
    else {
      spare -= 1;
      steps.push({ kind: 'delete', pod });
    }
  }
  return steps;
}
