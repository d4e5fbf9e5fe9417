import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Deployment, ReplicaSet } from '../../api/generated/apps-v1.ts';
import { aDeployment, aReplicaSet } from '../../test/support/workload-objects.ts';
import { maxSurge, maxUnavailable } from './availability.ts';
import { planRollingUpdate } from './rolling-update.ts';

interface Limits {
  readonly most: number;
  readonly least: number;
}

function rollingDeployment(replicas: number, surge: number, unavailable: number): Deployment {
  return aDeployment({
    spec: {
      replicas,
      strategy: {
        type: 'RollingUpdate',
        rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable },
      },
    },
  });
}

/** Applies the plan at once, then lets so many new pods become available: what a perfect cluster would do. */
function rollOut(
  deployment: Deployment,
  moves: readonly number[],
  plan: typeof planRollingUpdate = planRollingUpdate,
): Limits & { readonly finished: boolean } {
  const wanted = deployment.spec.replicas ?? 0;
  const old = aReplicaSet({ replicas: wanted, status: { availableReplicas: wanted } });
  const young = aReplicaSet({ replicas: 0, status: { availableReplicas: 0 } });
  let [most, least] = [wanted, wanted];
  const available = (replicaSet: ReplicaSet): number => replicaSet.status?.availableReplicas ?? 0;
  const setAvailable = (replicaSet: ReplicaSet, count: number): void => {
    if (replicaSet.status !== undefined) replicaSet.status.availableReplicas = count;
  };
  for (const becomeAvailable of [...moves, ...Array.from({ length: 100 }, () => 5)]) {
    for (const { replicaSet, replicas } of plan({
      deployment,
      newReplicaSet: young,
      oldReplicaSets: [old],
    })) {
      const lost = Math.max(0, available(replicaSet) - replicas);
      replicaSet.spec.replicas = replicas;
      setAvailable(replicaSet, available(replicaSet) - lost);
    }
    most = Math.max(most, (old.spec.replicas ?? 0) + (young.spec.replicas ?? 0));
    least = Math.min(least, available(old) + available(young));
    setAvailable(young, Math.min(young.spec.replicas ?? 0, available(young) + becomeAvailable));
  }
  return { most, least, finished: old.spec.replicas === 0 && young.spec.replicas === wanted };
}

const rollouts = fc.record({
  replicas: fc.integer({ min: 0, max: 20 }),
  surge: fc.integer({ min: 0, max: 5 }),
  unavailable: fc.integer({ min: 0, max: 5 }),
  moves: fc.array(fc.integer({ min: 0, max: 4 })),
});

describe('planRollingUpdate', () => {
  it('never exceeds the surge, never goes below what has to be available, and ends', () => {
    fc.assert(
      fc.property(rollouts, ({ replicas, surge, unavailable, moves }) => {
        const deployment = rollingDeployment(replicas, surge, unavailable);
        const { most, least, finished } = rollOut(deployment, moves);
        expect(most).toBeLessThanOrEqual(replicas + maxSurge(deployment));
        expect(least).toBeGreaterThanOrEqual(replicas - maxUnavailable(deployment));
        expect(finished).toBe(true);
      }),
    );
  });

  it('is checked by a property that rejects a plan which ignores availability', () => {
    const greedy: typeof planRollingUpdate = ({ newReplicaSet, oldReplicaSets }) => [
      { replicaSet: newReplicaSet, replicas: 4 },
      ...oldReplicaSets.map((replicaSet) => ({ replicaSet, replicas: 0 })),
    ];
    expect(rollOut(rollingDeployment(4, 1, 1), [], greedy).least).toBe(0);
  });

  it('takes broken old pods away first', () => {
    const deployment = rollingDeployment(4, 0, 1);
    const oldReplicaSet = aReplicaSet({ replicas: 4, status: { availableReplicas: 3 } });
    const newReplicaSet = aReplicaSet({ replicas: 0, status: { availableReplicas: 0 } });
    const [step] = planRollingUpdate({ deployment, newReplicaSet, oldReplicaSets: [oldReplicaSet] });
    expect(step).toEqual({ replicaSet: oldReplicaSet, replicas: 3 });
  });

  it('does not go on while the new version is broken', () => {
    const deployment = rollingDeployment(4, 1, 1);
    const oldReplicaSet = aReplicaSet({ replicas: 3, status: { availableReplicas: 3 } });
    const newReplicaSet = aReplicaSet({ replicas: 2, status: { availableReplicas: 0 } });
    expect(planRollingUpdate({ deployment, newReplicaSet, oldReplicaSets: [oldReplicaSet] })).toEqual([]);
  });
});
