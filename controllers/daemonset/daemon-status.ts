import type { DaemonSetStatus } from '../../api/generated/apps-v1.ts';
import { omitZeros } from '../omit-zeros.ts';
import { availableInMs, isPodReady } from '../pod-state.ts';
import { fitOf } from './daemon-pod.ts';
import { type DaemonView, isCurrent } from './plan-daemons.ts';

export interface PlannedDaemonStatus {
  readonly status: DaemonSetStatus;
  readonly nextAvailableInMs: number | undefined;
}

export function planDaemonStatus(
  { daemonSet, nodes, podsByNode, hash, nowMs }: DaemonView,
  collisionCount: number | undefined,
): PlannedDaemonStatus {
  const conditions = daemonSet.status?.conditions;
  const count = { desired: 0, current: 0, misscheduled: 0, ready: 0, available: 0, updated: 0 };
  const waits: number[] = [];
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
    const waitMs = availableInMs(pod, daemonSet.spec.minReadySeconds ?? 0, nowMs);
    if (waitMs === 0) count.available += 1;
    else if (waitMs !== undefined) waits.push(waitMs);
    if (isCurrent(pod, hash)) count.updated += 1;
  }
  return {
    status: {
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
    },
    nextAvailableInMs: waits.length === 0 ? undefined : Math.min(...waits),
  };
}
