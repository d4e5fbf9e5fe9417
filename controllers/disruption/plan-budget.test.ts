import { describe, expect, it } from 'vitest';
import type { PodDisruptionBudget } from '../../api/generated/policy-v1.ts';
import { aMeta, aPod, t0, t0Ms } from '../../test/support/workload-objects.ts';
import { failedBudget, planBudget } from './plan-budget.ts';

const aBudget = (
  spec: PodDisruptionBudget['spec'],
  status?: PodDisruptionBudget['status'],
): PodDisruptionBudget => ({
  ...{ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: aMeta(), spec, status },
});
const healthy = (count: number): ReturnType<typeof aPod>[] => Array.from({ length: count }, () => aPod());

describe('planBudget', () => {
  it.each([
    [{ minAvailable: 2 }, 3, 3, { desiredHealthy: 2, expectedPods: 3, disruptionsAllowed: 1 }],
    [{ minAvailable: 5 }, 3, 3, { desiredHealthy: 5, expectedPods: 3, disruptionsAllowed: 0 }],
    [{ minAvailable: '50%' }, 3, 5, { desiredHealthy: 3, expectedPods: 5, disruptionsAllowed: 0 }],
    [{ maxUnavailable: 1 }, 3, 3, { desiredHealthy: 2, expectedPods: 3, disruptionsAllowed: 1 }],
    [{ maxUnavailable: '30%' }, 10, 10, { desiredHealthy: 7, expectedPods: 10, disruptionsAllowed: 3 }],
    [{ maxUnavailable: 9 }, 3, 3, { desiredHealthy: 0, expectedPods: 3, disruptionsAllowed: 3 }],
    [{ minAvailable: 0 }, 0, 0, { desiredHealthy: 0, expectedPods: 0, disruptionsAllowed: 0 }],
  ])('of %j with %i pods of %i', (spec, count, scale, expected) => {
    const { status } = planBudget({ budget: aBudget(spec), pods: healthy(count), scale, nowMs: t0Ms });
    expect(status).toMatchObject({ ...expected, currentHealthy: count, observedGeneration: 1 });
    const reason = expected.disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods';
    expect(status.conditions).toMatchObject([{ type: 'DisruptionAllowed', reason, observedGeneration: 1 }]);
  });

  it('counts a pod whose eviction was allowed as gone, for two minutes', () => {
    const [pod, ...others] = healthy(3);
    const name = pod?.metadata.name ?? '';
    const budget = aBudget({ minAvailable: 2 }, { disruptedPods: { [name]: t0 } });
    const pods = [...(pod === undefined ? [] : [pod]), ...others];
    const soon = planBudget({ budget, pods, scale: 0, nowMs: t0Ms + 30_000 });
    expect(soon.status).toMatchObject({ currentHealthy: 2, disruptionsAllowed: 0 });
    expect(soon.recheckInMs).toBe(90_000);
    const late = planBudget({ budget, pods, scale: 0, nowMs: t0Ms + 120_000 });
    expect(late.status).toMatchObject({ currentHealthy: 3, disruptionsAllowed: 1 });
    expect(late.notDeleted).toEqual([pod]);
  });
});

describe('failedBudget', () => {
  it('allows nothing', () => {
    const budget = aBudget({ maxUnavailable: 1 }, { disruptionsAllowed: 2, currentHealthy: 3 });
    expect(failedBudget(budget, 'why', t0Ms)).toMatchObject({
      disruptionsAllowed: 0,
      currentHealthy: 3,
      conditions: [{ type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed', message: 'why' }],
    });
  });
});
