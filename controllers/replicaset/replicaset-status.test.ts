import { describe, expect, it } from 'vitest';
import { aPod, aReplicaSet, t0Ms } from '../../test/support/workload-objects.ts';
import { planStatus } from './replicaset-status.ts';

const labels = { app: 'web' };

describe('planStatus', () => {
  it('counts pods, and leaves zeros out', () => {
    const { status } = planStatus({
      replicaSet: aReplicaSet({ replicas: 3 }),
      active: [aPod({ labels }), aPod({ ready: false }), aPod({ ready: false, labels })],
      terminating: [aPod({ deleting: true })],
      failure: undefined,
      nowMs: t0Ms,
    });
    expect(status).toEqual({
      replicas: 3,
      fullyLabeledReplicas: 2,
      readyReplicas: 1,
      availableReplicas: 1,
      terminatingReplicas: 1,
      observedGeneration: 1,
    });
  });

  it('calls a pod available minReadySeconds after it became ready', () => {
    const replicaSet = aReplicaSet();
    replicaSet.spec.minReadySeconds = 10;
    const at = (nowMs: number): ReturnType<typeof planStatus> =>
      planStatus({ replicaSet, active: [aPod({ labels })], terminating: [], failure: undefined, nowMs });
    expect(at(t0Ms + 4_000).status.availableReplicas).toBeUndefined();
    expect(at(t0Ms + 4_000).nextAvailableInMs).toBe(6_000);
    expect(at(t0Ms + 10_000).status.availableReplicas).toBe(1);
    expect(at(t0Ms + 10_000).nextAvailableInMs).toBeUndefined();
  });

  it('shows a failure to create, and forgets it when it is over', () => {
    const replicaSet = aReplicaSet();
    const failure = { reason: 'FailedCreate', message: 'quota' } as const;
    const input = { replicaSet, active: [], terminating: [], nowMs: t0Ms };
    const { status } = planStatus({ ...input, failure });
    expect(status.conditions).toMatchObject([
      { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'quota' },
    ]);
    const after = planStatus({ ...input, replicaSet: { ...replicaSet, status }, failure: undefined });
    expect(after.status.conditions).toBeUndefined();
  });
});
