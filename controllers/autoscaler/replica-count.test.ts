import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HorizontalPodAutoscaler } from '../../api/generated/autoscaling-v2.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { aMeta, aPod, t0Ms } from '../../test/support/workload-objects.ts';
import { boundReplicas, noHistory, withChange, withRecommendation } from './behavior.ts';
import type { PodMetrics } from './metrics-source.ts';
import {
  type PodsInput,
  replicasByAverage,
  replicasByTotal,
  replicasByUtilization,
} from './replica-count.ts';
import { parseSelectorText } from './selector-text.ts';

const tolerance = { up: 0.1, down: 0.1 };
const later = t0Ms + 3_600_000;
const requests = { containers: [{ name: 'main', resources: { requests: { cpu: '1' } } }] };
const running = (count: number): Pod[] =>
  Array.from({ length: count }, () => {
    const pod = aPod({ spec: requests });
    if (pod.status !== undefined) pod.status.startTime = '2026-01-01T00:00:00Z';
    return pod;
  });
const using = (pods: readonly Pod[], ...milli: number[]): PodMetrics =>
  new Map(
    milli.map((value, i) => [
      pods[i]?.metadata.name ?? '',
      { milli: value, timestampMs: later, windowMs: 30_000 },
    ]),
  );
const input = (pods: readonly Pod[], metrics: PodMetrics): PodsInput => ({
  ...{ pods, metrics, current: pods.length, tolerance, isCpu: true, nowMs: later },
});

describe('replicas by utilization', () => {
  it.each([
    [[900, 900, 900], 50, 6],
    [[500, 500, 500], 50, 3],
    [[540, 540, 540], 50, 3],
    [[100, 100, 100], 50, 1],
    // The third reports nothing: it counts as idle when growing, and as busy when shrinking.
    [[900, 900], 50, 4],
    [[100, 100], 50, 3],
  ])('of %j millicores at %i %% is %i', (milli, target, expected) => {
    const pods = running(3);
    expect(replicasByUtilization(input(pods, using(pods, ...milli)), target, 'cpu').replicas).toBe(expected);
  });

  it('shows what is used', () => {
    const pods = running(2);
    const proposal = replicasByUtilization(input(pods, using(pods, 300, 500)), 50, 'cpu');
    expect(proposal).toMatchObject({ averageMilli: 400, utilization: 40 });
  });

  it('needs requests, pods and metrics', () => {
    const pods = running(1);
    const bare = [aPod({ name: 'bare' })];
    expect(() => replicasByUtilization(input(bare, using(bare, 1)), 50, 'cpu')).toThrow(
      'missing request for cpu in container main of Pod bare',
    );
    expect(() => replicasByUtilization(input([], new Map()), 50, 'cpu')).toThrow('no pods returned');
    expect(() => replicasByUtilization(input(pods, new Map()), 50, 'cpu')).toThrow('did not receive metrics');
  });

  it('does not believe the CPU of a pod that only starts', () => {
    const pods = running(2);
    const [first] = pods;
    if (first?.status !== undefined) first.status.startTime = new Date(later - 10_000).toISOString();
    const [condition] = first?.status?.conditions ?? [];
    if (condition !== undefined) condition.lastTransitionTime = new Date(later - 5_000).toISOString();
    expect(replicasByUtilization(input(pods, using(pods, 3_000, 500)), 50, 'cpu').replicas).toBe(2);
  });
});

describe('replicas by average and by total', () => {
  it('bring the average to the target', () => {
    const pods = running(2);
    expect(replicasByAverage(input(pods, using(pods, 30_000, 10_000)), 10_000).replicas).toBe(4);
    expect(replicasByTotal({ current: 2, ready: 2, tolerance }, 90_000, { averageMilli: 10_000 })).toBe(9);
    expect(replicasByTotal({ current: 2, ready: 2, tolerance }, 30_000, { totalMilli: 10_000 })).toBe(6);
    expect(replicasByTotal({ current: 2, ready: 2, tolerance }, 10_500, { totalMilli: 10_000 })).toBe(2);
  });
});

const autoscaler = (over: Partial<HorizontalPodAutoscaler['spec']> = {}): HorizontalPodAutoscaler => ({
  ...{ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: aMeta() },
  spec: { maxReplicas: 100, scaleTargetRef: { kind: 'Deployment', name: 'web' }, ...over },
});

describe('boundReplicas', () => {
  it('at most doubles, or grows to four', () => {
    const bounded = (current: number): unknown => boundReplicas(autoscaler(), current, 50, noHistory, later);
    expect(bounded(1)).toMatchObject({ replicas: 4, limited: 'ScaleUpLimit' });
    expect(bounded(10)).toMatchObject({ replicas: 20, limited: 'ScaleUpLimit' });
  });

  it('shrinks to the highest recommendation of the last five minutes', () => {
    const history = withRecommendation(noHistory, 7, later - 200_000);
    expect(boundReplicas(autoscaler(), 10, 2, history, later)).toMatchObject({
      ...{ replicas: 7, stabilized: 'ScaleDownStabilized' },
    });
    expect(boundReplicas(autoscaler(), 10, 2, history, later + 200_000).replicas).toBe(2);
  });

  it('follows policies, which count what was done in their period', () => {
    const scaleUp = { policies: [{ type: 'Pods', value: 4, periodSeconds: 60 }] };
    const scaleDown = {
      ...{ stabilizationWindowSeconds: 0, selectPolicy: 'Min' },
      policies: [
        { type: 'Pods', value: 1, periodSeconds: 60 },
        { type: 'Percent', value: 50, periodSeconds: 60 },
      ],
    };
    const ruled = autoscaler({ behavior: { scaleUp, scaleDown } });
    expect(boundReplicas(ruled, 10, 50, noHistory, later).replicas).toBe(14);
    const grown = withChange(noHistory, 3, later - 10_000);
    expect(boundReplicas(ruled, 10, 50, grown, later).replicas).toBe(11);
    expect(boundReplicas(ruled, 10, 1, noHistory, later)).toMatchObject({
      ...{ replicas: 9, limited: 'ScaleDownLimit' },
    });
    const fixed = autoscaler({ behavior: { scaleDown: { selectPolicy: 'Disabled' } } });
    expect(boundReplicas(fixed, 10, 1, noHistory, later).replicas).toBe(10);
  });

  it('stays within the bounds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 9 }), fc.nat({ max: 200 }), (current, desired) => {
        const { replicas } = boundReplicas(
          autoscaler({ minReplicas: 2, maxReplicas: 9 }),
          ...([current, desired, noHistory, later] as const),
        );
        expect(replicas).toBeGreaterThanOrEqual(2);
        expect(replicas).toBeLessThanOrEqual(9);
      }),
    );
  });
});

describe('parseSelectorText', () => {
  it('reads every form', () => {
    expect(parseSelectorText('app=web,tier in (a,b),x notin (c),!old,new,y!=z')).toEqual([
      { key: 'app', operator: 'in', values: ['web'] },
      { key: 'tier', operator: 'in', values: ['a', 'b'] },
      { key: 'x', operator: 'notIn', values: ['c'] },
      { key: 'old', operator: 'absent', values: [] },
      { key: 'new', operator: 'exists', values: [] },
      { key: 'y', operator: 'notIn', values: ['z'] },
    ]);
  });
});
