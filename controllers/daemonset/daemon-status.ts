import type { DaemonSetStatus } from '../../api/generated/apps-v1.ts';
import { omitZeros } from '../omit-zeros.ts';
import { availableInMs, isPodReady } from '../pod-state.ts';
import { fitOf } from './daemon-pod.ts';
import { type DaemonView, isAvailable, isCurrent } from './plan-daemons.ts';

export function planDaemonStatus(
  { daemonSet, nodes, podsByNode, hash, nowMs }: DaemonView,
  collisionCount: number | undefined,
): DaemonSetStatus {
  const conditions = daemonSet.status?.conditions;
  const count = { desired: 0, current: 0, misscheduled: 0, ready: 0, available: 0, updated: 0 };
  for (const node of nodes) {
    const [pod] = podsByNode.get(node.metadata.name) ?? [];
    if (!fitOf(daemonSet, node).shouldRun) {
      if (pod !== undefined) count.misscheduled += 1;
      continue;
    }
    count.desired += 1;
    if (pod === undefined) continue;
    count.current += 1;
    if (isPodReady(pod)) count.ready += 1;
    if (isAvailable(pod, daemonSet, nowMs)) count.available += 1;
    if (isCurrent(pod, hash)) count.updated += 1;
  }
  return {
    currentNumberScheduled: count.current,
    desiredNumberScheduled: count.desired,
    numberMisscheduled: count.misscheduled,
    numberReady: count.ready,
    ...omitZeros({
      updatedNumberScheduled: count.updated,
      numberAvailable: count.available,
      numberUnavailable: count.desired - count.available,
      observedGeneration: daemonSet.metadata.generation ?? 0,
      collisionCount: collisionCount ?? 0,
    }),
    // None are the controller's own.
    ...(conditions === undefined ? {} : { conditions }),
  };
}

/**
 * When the next pod will have been ready for long enough, of all that there are: the status counts one on
 * each node, but it is the second one that a surge waits for.
 */
export function nextAvailableInMs({ daemonSet, podsByNode, nowMs }: DaemonView): number | undefined {
  const { minReadySeconds = 0 } = daemonSet.spec;
  const waits = [...podsByNode.values()]
    .flat()
    .map((pod) => availableInMs(pod, minReadySeconds, nowMs))
    .filter((waitMs) => waitMs !== undefined)
    .filter((waitMs) => waitMs > 0);
  return waits.length === 0 ? undefined : Math.min(...waits);
}
