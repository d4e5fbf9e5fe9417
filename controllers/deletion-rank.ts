import type { Pod } from '../api/generated/core-v1.ts';
import { movingUntilMs } from '../api/moving-pod.ts';
import { isPodReady, podCondition, restartCount } from './pod-state.ts';

const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';
const phaseOrder: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/**
 * The `count` pods whose loss hurts least, as Kubernetes ranks them: unassigned, not running, not ready, (ours:) being
 * moved elsewhere, cheap to delete, beside another replica on the same node, ready for a short time, often restarted, young. Times are compared
 * by powers of two, so that pods of similar age are taken at random (by uid) and not always from the last rollout.
 *
 * @param related all active pods of the same owner's siblings: doubling on a node is judged over them.
 */
export function podsToDelete(
  pods: readonly Pod[],
  related: readonly Pod[],
  count: number,
  nowMs: number,
): readonly Pod[] {
  if (count >= pods.length) return pods;
  const perNode = new Map<string, number>();
  for (const { spec } of related)
    if (spec.nodeName !== undefined) perNode.set(spec.nodeName, (perNode.get(spec.nodeName) ?? 0) + 1);
  const ranked = pods.map((pod) => ({ pod, rank: rankOf(pod, perNode, nowMs) }));
  return ranked
    .sort((a, b) => compareRanks(a.rank, b.rank))
    .slice(0, count)
    .map(({ pod }) => pod);
}

/** Compared element by element; the smaller goes first. */
type Rank = readonly (number | string)[];

function rankOf(pod: Pod, perNode: ReadonlyMap<string, number>, nowMs: number): Rank {
  const node = pod.spec.nodeName ?? '';
  const ready = isPodReady(pod);
  return [
    node === '' ? 0 : 1,
    phaseOrder[pod.status?.phase ?? 'Pending'] ?? 0,
    ready ? 1 : 0,
    movingUntilMs(pod.metadata) === undefined ? 1 : 0,
    deletionCost(pod),
    -(perNode.get(node) ?? 0),
    ready ? ageBucket(podCondition(pod, 'Ready')?.lastTransitionTime, nowMs) : 0,
    -restartCount(pod),
    ageBucket(pod.metadata.creationTimestamp, nowMs),
    pod.metadata.uid,
  ];
}

function deletionCost(pod: Pod): number {
  const cost = Number(pod.metadata.annotations?.[deletionCostAnnotation] ?? 0);
  return Number.isInteger(cost) ? cost : 0;
}

function ageBucket(time: string | undefined, nowMs: number): number {
  const seconds = (nowMs - Date.parse(time ?? '')) / 1000;
  return seconds >= 1 ? Math.floor(Math.log2(seconds)) : 0;
}

function compareRanks(left: Rank, right: Rank): number {
  for (const [i, value] of left.entries()) {
    const other = right[i] ?? 0;
    if (value !== other) return value < other ? -1 : 1;
  }
  return 0;
}
