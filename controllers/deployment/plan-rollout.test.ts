import { describe, expect, it } from 'vitest';
import type { ReplicaSet } from '../../api/generated/apps-v1.ts';
import { replicasets } from '../../api/generated/resources.ts';
import { aDeployment, aPod, aReplicaSet, t0Ms } from '../../test/support/workload-objects.ts';
import { toControllerReference } from '../ownership.ts';
import { deadlineCheckInMs, planRolloutStatus } from './deployment-status.ts';
import { toNewReplicaSet } from './new-replicaset.ts';
import { withPausedCondition } from './paused.ts';
import { planRollout, toRolloutState } from './plan-rollout.ts';

const settled = (replicas: number): Partial<ReplicaSet['status']> & { replicas: number } => ({
  replicas,
  readyReplicas: replicas,
  availableReplicas: replicas,
});

function planOf(
  deployment: ReturnType<typeof aDeployment>,
  owned: readonly ReplicaSet[],
  ensured = true,
): ReturnType<typeof planRollout> {
  return planRollout({ ...toRolloutState(deployment, owned), pods: [], ensured });
}

describe('planRollout', () => {
  it('asks for the replica set of the template first', () => {
    expect(planOf(aDeployment(), [], false)).toEqual({ kind: 'ensureNew' });
    expect(planOf(aDeployment(), [aReplicaSet({ replicas: 3 })], false)).toEqual({ kind: 'ensureNew' });
  });

  it('has nothing to do for a complete one', () => {
    const owned = [aReplicaSet({ replicas: 3, status: settled(3) })];
    expect(planOf(aDeployment(), owned)).toEqual({ kind: 'settle', toDelete: [], status: 'rollout' });
  });

  it('does not start a new version while it is paused', () => {
    const deployment = aDeployment({ image: 'nginx:2', spec: { paused: true } });
    const old = aReplicaSet({ replicas: 3, image: 'old' });
    const step = planOf(deployment, [old]);
    expect(step).toEqual({ kind: 'scale', scales: [{ replicaSet: old, replicas: 3 }], status: 'counters' });
  });

  it('deletes history beyond the limit also while it is paused', () => {
    const deployment = aDeployment({ spec: { paused: true, revisionHistoryLimit: 0 } });
    const current = aReplicaSet({ replicas: 3, status: settled(3) });
    const old = aReplicaSet({
      ...{ name: 'old', image: 'old', replicas: 0 },
      status: { replicas: 0, observedGeneration: 1 },
    });
    expect(planOf(deployment, [current, old])).toEqual({
      kind: 'settle',
      toDelete: [old],
      status: 'counters',
    });
  });

  it('ends all old pods before the first new one when it recreates', () => {
    const deployment = aDeployment({ spec: { strategy: { type: 'Recreate' } } });
    const old = aReplicaSet({ replicas: 3, image: 'old' });
    expect(planOf(deployment, [old])).toMatchObject({ kind: 'scale', scales: [{ replicas: 0 }] });
    const stopped = { ...old, spec: { ...old.spec, replicas: 0 } };
    const pod = aPod({ deleting: true, owner: toControllerReference(replicasets, old) });
    const state = { ...toRolloutState(deployment, [stopped]), ensured: true };
    expect(planRollout({ ...state, pods: [pod] }).kind).toBe('settle');
    expect(planRollout({ ...state, pods: [] }).kind).toBe('ensureNew');
  });

  it('deletes history beyond the limit when it is complete, lowest revision first', () => {
    const revision = (n: number): ReplicaSet =>
      aReplicaSet({
        name: `old-${n}`,
        image: `old-${n}`,
        replicas: 0,
        annotations: { 'deployment.kubernetes.io/revision': String(n) },
      });
    const deployment = aDeployment({
      spec: { revisionHistoryLimit: 1 },
      status: { replicas: 3, updatedReplicas: 3, availableReplicas: 3, observedGeneration: 1 },
    });
    const current = aReplicaSet({ replicas: 3, status: settled(3) });
    const step = planOf(deployment, [revision(10), revision(9), current]);
    expect(step).toMatchObject({ kind: 'settle', toDelete: [{ metadata: { name: 'old-9' } }] });
  });
});

describe('toNewReplicaSet', () => {
  it('is named after the template and carries the revision after the last', () => {
    const old = aReplicaSet({ image: 'old', annotations: { 'deployment.kubernetes.io/revision': '4' } });
    const deployment = aDeployment({ annotations: { 'kubernetes.io/change-cause': 'better' } });
    const { metadata, spec } = toNewReplicaSet(toRolloutState(deployment, [old]));
    const hash = metadata.labels?.['pod-template-hash'];
    expect(metadata.name).toBe(`web-${hash}`);
    expect(spec.selector.matchLabels).toEqual({ app: 'web', 'pod-template-hash': hash });
    expect(metadata.annotations).toMatchObject({
      'deployment.kubernetes.io/revision': '5',
      'deployment.kubernetes.io/desired-replicas': '3',
      'deployment.kubernetes.io/max-replicas': '4',
      'kubernetes.io/change-cause': 'better',
    });
  });

  it.each([
    ['3546343826724305832', '3546343826724305833'],
    ['none', '1'],
    ['9223372036854775808', '1'],
  ])('counts on from revision %s to %s', (last, next) => {
    const old = aReplicaSet({ image: 'old', annotations: { 'deployment.kubernetes.io/revision': last } });
    const { metadata } = toNewReplicaSet(toRolloutState(aDeployment({}), [old]));
    expect(metadata.annotations?.['deployment.kubernetes.io/revision']).toBe(next);
  });
});

describe('the status of a rollout', () => {
  const progressing = (lastUpdateTime: string): ReturnType<typeof aDeployment> =>
    aDeployment({
      status: {
        conditions: [{ type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated', lastUpdateTime }],
      },
    });

  it('says in Kubernetes words that it is done', () => {
    const owned = [aReplicaSet({ name: 'web-x', replicas: 3, status: settled(3) })];
    const status = planRolloutStatus(toRolloutState(aDeployment(), owned), t0Ms);
    expect(
      status.conditions?.map(({ type, status: value, reason, message }) => [type, value, reason, message]),
    ).toEqual([
      ['Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.'],
      ['Progressing', 'True', 'NewReplicaSetAvailable', 'ReplicaSet "web-x" has successfully progressed.'],
    ]);
    expect(status.unavailableReplicas).toBeUndefined();
  });

  it('misses its deadline when nothing has moved for so long', () => {
    const owned = [aReplicaSet({ name: 'web-x', replicas: 3 })];
    const deployment = progressing('2026-01-01T00:00:00Z');
    const at = (nowMs: number): string | undefined =>
      planRolloutStatus(toRolloutState(deployment, owned), nowMs).conditions?.find(
        ({ type }) => type === 'Progressing',
      )?.reason;
    expect(at(t0Ms + 600_000)).toBe('ReplicaSetUpdated');
    expect(at(t0Ms + 600_001)).toBe('ProgressDeadlineExceeded');
    expect(deadlineCheckInMs(deployment, {}, t0Ms + 590_000)).toBe(11_000);
    const paused = { ...deployment, spec: { ...deployment.spec, paused: true } };
    expect(deadlineCheckInMs(paused, {}, t0Ms + 700_000)).toBeUndefined();
  });

  it('shows that it is paused, and resumes', () => {
    const paused = withPausedCondition(aDeployment({ spec: { paused: true } }), t0Ms);
    expect(paused.status?.conditions).toMatchObject([{ status: 'Unknown', reason: 'DeploymentPaused' }]);
    const resumed = withPausedCondition({ ...paused, spec: { ...paused.spec, paused: false } }, t0Ms);
    expect(resumed.status?.conditions).toMatchObject([{ status: 'Unknown', reason: 'DeploymentResumed' }]);
    expect(withPausedCondition(resumed, t0Ms)).toBe(resumed);
  });
});
