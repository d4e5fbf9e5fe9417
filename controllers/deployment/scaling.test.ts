import { describe, expect, it } from 'vitest';
import { aDeployment, aReplicaSet } from '../../test/support/workload-objects.ts';
import { isScalingEvent, planScaling } from './scaling.ts';

const sized = (desired: number, max: number): Record<string, string> => ({
  'deployment.kubernetes.io/desired-replicas': String(desired),
  'deployment.kubernetes.io/max-replicas': String(max),
});

function inTheMiddle(replicas: number, old: number, young: number): Parameters<typeof planScaling>[0] {
  return {
    deployment: aDeployment({ spec: { replicas, strategy: { rollingUpdate: { maxSurge: 2 } } } }),
    newReplicaSet: aReplicaSet({
      name: 'new',
      replicas: young,
      annotations: sized(10, 12),
      created: '2026-01-02T00:00:00Z',
    }),
    oldReplicaSets: [aReplicaSet({ name: 'old', replicas: old, annotations: sized(10, 12) })],
  };
}

describe('planScaling', () => {
  it('shares growth in the middle of a rollout in proportion', () => {
    const scales = planScaling(inTheMiddle(20, 8, 4));
    expect(scales.map(({ replicaSet, replicas }) => [replicaSet.metadata.name, replicas])).toEqual([
      ['old', 15],
      ['new', 7],
    ]);
  });

  it('shares loss as well, down to nothing', () => {
    expect(planScaling(inTheMiddle(5, 8, 4)).reduce((sum, { replicas }) => sum + replicas, 0)).toBe(7);
    expect(planScaling(inTheMiddle(0, 8, 4)).map(({ replicas }) => replicas)).toEqual([0, 0]);
  });

  it('gives all to the only one that has pods', () => {
    const state = inTheMiddle(5, 0, 3);
    expect(planScaling(state)).toEqual([{ replicaSet: state.newReplicaSet, replicas: 5 }]);
  });
});

describe('isScalingEvent', () => {
  it('is when the replicas are not those that the replica sets were sized for', () => {
    expect(isScalingEvent(inTheMiddle(10, 8, 4))).toBe(false);
    expect(isScalingEvent(inTheMiddle(11, 8, 4))).toBe(true);
  });
});
