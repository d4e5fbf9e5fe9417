import type { StatefulSetStatus } from '../../api/generated/apps-v1.ts';
import { omitZeros } from '../omit-zeros.ts';
import { availableInMs, isPodReady, isTerminating } from '../pod-state.ts';
import { revisionNameOf } from './identity.ts';
import { isAvailable, type ReplicaView } from './plan-replicas.ts';

export interface PlannedReplicaStatus {
  readonly status: StatefulSetStatus;
  readonly nextAvailableInMs: number | undefined;
}

export function planReplicaStatus(
  { set, pods, current, update, nowMs }: ReplicaView,
  collisionCount: number | undefined,
): PlannedReplicaStatus {
  const ready = pods.filter((pod) => pod.status?.phase === 'Running' && isPodReady(pod));
  const waits = ready
    .map((pod) => availableInMs(pod, set.spec.minReadySeconds ?? 0, nowMs) ?? 0)
    .filter((waitMs) => waitMs > 0);
  const staying = pods.filter((pod) => !isTerminating(pod));
  const ofRevision = (name: string): number => staying.filter((pod) => revisionNameOf(pod) === name).length;
  const updated = ofRevision(update.name);
  const conditions = set.status?.conditions;
  const isRolling = (set.spec.updateStrategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
  const isComplete = isRolling && updated === pods.length && ready.length === pods.length;
  return {
    status: {
      replicas: pods.length,
      availableReplicas: pods.filter((pod) => isAvailable(pod, set, nowMs)).length,
      currentRevision: isComplete ? update.name : current.name,
      updateRevision: update.name,
      collisionCount: collisionCount ?? 0,
      ...omitZeros({
        readyReplicas: ready.length,
        currentReplicas: isComplete ? updated : ofRevision(current.name),
        updatedReplicas: updated,
        observedGeneration: set.metadata.generation ?? 0,
      }),
      // None are the controller's own.
      ...(conditions === undefined ? {} : { conditions }),
    },
    nextAvailableInMs: waits.length === 0 ? undefined : Math.min(...waits),
  };
}
