import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JobStatus } from '../../api/generated/batch-v1.ts';
import { aJob, aJobPod, t0Ms } from '../../test/support/workload-objects.ts';
import { accountForEnds, countUntracked } from './accounting.ts';
import { viewJob } from './job-view.ts';

describe('accountForEnds', () => {
  it('counts every end once, wherever a crash falls between its steps', () => {
    const crashes = fc.array(fc.constantFrom('none', 'beforeUntrack', 'inUntrack', 'beforeCount'), {
      minLength: 1,
      maxLength: 6,
    });
    const phases = fc.array(fc.constantFrom('Succeeded', 'Failed'), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(phases, crashes, (ends, steps) => {
        let status: JobStatus = {};
        const pods = ends.map((phase) => aJobPod(phase));
        for (const crash of [...steps, 'none']) {
          const view = viewJob(aJob({ completions: 99 }, status), pods, new Set(), t0Ms);
          const accounts = accountForEnds(view, status, undefined);
          status = accounts.status;
          if (crash === 'beforeUntrack') continue;
          const untracked = accounts.toUntrack.slice(0, crash === 'inUntrack' ? 1 : undefined);
          for (const pod of untracked) pod.metadata.finalizers = [];
          if (crash !== 'none') continue;
          const open = pods
            .filter(({ metadata }) => metadata.finalizers?.length)
            .map(({ metadata }) => metadata.uid);
          status = countUntracked(status, new Set(open));
        }
        expect(status.succeeded ?? 0).toBe(ends.filter((phase) => phase === 'Succeeded').length);
        expect(status.failed ?? 0).toBe(ends.filter((phase) => phase === 'Failed').length);
        expect(status.uncountedTerminatedPods).toEqual({});
      }),
    );
  });

  it('counts what ran when the job failed as failed, and what ran when it succeeded as nothing', () => {
    const outcome = { reason: '', message: '' };
    const view = viewJob(aJob(), [aJobPod('Running')], new Set(), t0Ms);
    const failed = accountForEnds(view, {}, { ...outcome, interim: 'FailureTarget' });
    expect(failed.status.uncountedTerminatedPods?.failed).toHaveLength(1);
    const succeeded = accountForEnds(view, {}, { ...outcome, interim: 'SuccessCriteriaMet' });
    expect(succeeded.status.uncountedTerminatedPods).toEqual({});
    expect(succeeded.toUntrack).toHaveLength(1);
  });

  it('keeps the last failed pod of an index until there is another', () => {
    const job = aJob({ completions: 2, completionMode: 'Indexed', backoffLimitPerIndex: 1 });
    const pods = [aJobPod('Failed', { index: 0 })];
    expect(accountForEnds(viewJob(job, pods, new Set(), t0Ms), {}, undefined).toUntrack).toHaveLength(0);
    pods.push(aJobPod('Running', { index: 0 }));
    expect(accountForEnds(viewJob(job, pods, new Set(), t0Ms), {}, undefined).toUntrack).toHaveLength(1);
  });
});
