import type { ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { matchesSelector, type Selector } from '../../api/selector.ts';
import { toTime } from '../../base/clock.ts';
import { omitZeros } from '../omit-zeros.ts';
import { availableInMs } from '../pod-state.ts';

export interface ReplicaFailure {
  readonly reason: 'FailedCreate' | 'FailedDelete';
  readonly message: string;
}

/** The part of a ReplicaSet that a ReplicationController can show as well. */
export type ReplicaView = Pick<ReplicaSet, 'metadata' | 'spec' | 'status'>;

export interface StatusInput {
  readonly replicaSet: ReplicaView;
  readonly active: readonly Pod[];
  readonly terminating: readonly Pod[];
  readonly failure: ReplicaFailure | undefined;
  readonly nowMs: number;
}

export interface PlannedStatus {
  readonly status: ReplicaSetStatus;
  /** When a pod that is ready now becomes available. */
  readonly nextAvailableInMs: number | undefined;
}

export function planStatus(input: StatusInput): PlannedStatus {
  const { replicaSet, active, terminating, nowMs } = input;
  const templateLabels: Selector = Object.entries(replicaSet.spec.template?.metadata?.labels ?? {}).map(
    ([key, value]) => ({ key, operator: 'in', values: [value] }),
  );
  const waits = active.map((pod) => availableInMs(pod, replicaSet.spec.minReadySeconds ?? 0, nowMs));
  const pending = waits.filter((wait) => wait !== undefined && wait > 0) as number[];
  const conditions = withFailure(replicaSet.status?.conditions ?? [], input.failure, nowMs);
  return {
    status: {
      replicas: active.length,
      ...omitZeros({
        fullyLabeledReplicas: active.filter((pod) => matchesSelector(templateLabels, pod.metadata.labels))
          .length,
        readyReplicas: waits.filter((wait) => wait !== undefined).length,
        availableReplicas: waits.filter((wait) => wait === 0).length,
      }),
      terminatingReplicas: terminating.length,
      observedGeneration: replicaSet.metadata.generation,
      ...(conditions.length === 0 ? {} : { conditions }),
    },
    nextAvailableInMs: pending.length === 0 ? undefined : Math.min(...pending),
  };
}

function withFailure(
  conditions: readonly ReplicaSetCondition[],
  failure: ReplicaFailure | undefined,
  nowMs: number,
): ReplicaSetCondition[] {
  const others = conditions.filter((condition) => condition.type !== 'ReplicaFailure');
  if (failure === undefined) return others;
  const current = conditions.find((condition) => condition.type === 'ReplicaFailure');
  if (current?.status === 'True' && current.reason === failure.reason) return [...conditions];
  return [
    ...others,
    { type: 'ReplicaFailure', status: 'True', lastTransitionTime: toTime(nowMs), ...failure },
  ];
}
