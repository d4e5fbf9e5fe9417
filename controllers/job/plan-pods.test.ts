import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aJob, aJobPod, t0Ms } from '../../test/support/workload-objects.ts';
import { noFailures } from './backoff.ts';
import { completionIndexOf } from './job-pods.ts';
import { viewJob } from './job-view.ts';
import { type PodPlan, planPods } from './plan-pods.ts';

const plan = (...[job, pods, record = noFailures]: PlanInput): PodPlan =>
  planPods(viewJob(job, pods, new Set(), t0Ms), record, t0Ms);
type PlanInput = [
  job: ReturnType<typeof aJob>,
  pods: ReturnType<typeof aJobPod>[],
  record?: { failuresSinceSuccess: number; lastFailureMs: number },
];

describe('planPods', () => {
  it('starts no more pods than there is work left', () => {
    const job = aJob({ completions: 5, parallelism: 3 }, { succeeded: 3 });
    expect(plan(job, []).toCreate).toHaveLength(2);
    expect(plan(job, [aJobPod('Running')]).toCreate).toHaveLength(1);
  });

  it('adds nobody after the first success when the number of completions is open', () => {
    const job = aJob({ completions: undefined, parallelism: 3 });
    expect(plan(job, []).toCreate).toHaveLength(3);
    expect(plan(job, [aJobPod('Succeeded'), aJobPod('Running')])).toMatchObject({
      toCreate: [],
      toDelete: [],
    });
  });

  it('waits after a failure, longer with each', () => {
    const pause = (failuresSinceSuccess: number): number | undefined =>
      plan(aJob(), [], { failuresSinceSuccess, lastFailureMs: t0Ms }).retryInMs;
    expect([1, 2, 3, 50].map(pause)).toEqual([10_000, 20_000, 40_000, 600_000]);
  });

  it('waits for pods that end when it replaces failed ones only', () => {
    const ending = aJobPod('Running');
    ending.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    expect(plan(aJob({ podReplacementPolicy: 'Failed' }), [ending]).toCreate).toHaveLength(0);
    expect(plan(aJob(), [ending]).toCreate).toHaveLength(1);
  });

  it('takes away pods that share an index, or have none', () => {
    const job = aJob({ completions: 3, parallelism: 3, completionMode: 'Indexed' });
    const pods = [
      aJobPod('Running', { index: 0 }),
      aJobPod('Pending', { index: 0 }),
      aJobPod('Running', { index: 9 }),
    ];
    expect(new Set(plan(job, pods).toDelete)).toEqual(new Set([pods[1], pods[2]]));
  });

  it('never has more active pods than parallelism or than work left, and never an index twice', () => {
    const phase = fc.constantFrom('Pending', 'Running', 'Succeeded', 'Failed');
    const pod = fc.record({ phase, index: fc.nat({ max: 7 }) });
    fc.assert(
      fc.property(fc.array(pod, { maxLength: 12 }), fc.integer({ min: 1, max: 6 }), (drawn, parallelism) => {
        const job = aJob({ completions: 6, parallelism, completionMode: 'Indexed' });
        const pods = drawn.map(({ phase: is, index }) => aJobPod(is, { index }));
        const view = viewJob(job, pods, new Set(), t0Ms);
        const { toCreate, toDelete } = planPods(view, noFailures, t0Ms);
        expect(toCreate.length === 0 || toDelete.length === 0).toBe(true);
        const kept = view.active.filter((one) => !toDelete.includes(one));
        expect(kept.length + toCreate.length).toBeLessThanOrEqual(Math.min(parallelism, 6 - view.succeeded));
        const indexes = [...kept.map((one) => completionIndexOf(one, job)), ...toCreate];
        expect(new Set(indexes).size).toBe(indexes.length);
        for (const index of toCreate) expect(view.indexes?.succeeded.has(index ?? -1)).toBe(false);
      }),
    );
  });
});
