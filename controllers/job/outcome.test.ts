import { describe, expect, it } from 'vitest';
import { aJob, aJobPod, t0Ms } from '../../test/support/workload-objects.ts';
import { withStart } from './job-status.ts';
import { viewJob } from './job-view.ts';
import { type Outcome, planOutcome, untilDeadlineMs } from './outcome.ts';

const outcome = (
  job: ReturnType<typeof aJob>,
  pods: ReturnType<typeof aJobPod>[],
  nowMs: number = t0Ms,
): Outcome | undefined => planOutcome(viewJob(job, pods, new Set(), nowMs), nowMs);

const indexed = { completions: 3, completionMode: 'Indexed' } as const;

describe('planOutcome', () => {
  it.each([
    [aJob({ backoffLimit: 0 }), [aJobPod('Failed')], 'BackoffLimitExceeded'],
    [aJob({ backoffLimit: 1 }), [aJobPod('Failed')], undefined],
    [
      aJob({ ...indexed, backoffLimitPerIndex: 0, maxFailedIndexes: 0 }),
      [aJobPod('Failed', { index: 1 })],
      'MaxFailedIndexesExceeded',
    ],
    [
      aJob({ ...indexed, successPolicy: { rules: [{ succeededIndexes: '0-2', succeededCount: 1 }] } }),
      [aJobPod('Succeeded', { index: 2 })],
      'SuccessPolicy',
    ],
    [
      aJob({ ...indexed, successPolicy: { rules: [{ succeededCount: 2 }] } }),
      [aJobPod('Succeeded', { index: 2 })],
      undefined,
    ],
  ])('of case %# is right', (job, pods, reason) => {
    expect(outcome(job, pods)?.reason).toBe(reason);
  });

  it('is failure past the deadline', () => {
    const job = aJob({ activeDeadlineSeconds: 5 }, { startTime: '2026-01-01T00:00:00Z' });
    expect(outcome(job, [], t0Ms + 4_999)).toBeUndefined();
    expect(outcome(job, [], t0Ms + 5_000)?.reason).toBe('DeadlineExceeded');
  });

  it('waits for no deadline that has passed while its pods end', () => {
    const job = aJob({ activeDeadlineSeconds: 5 }, { startTime: '2026-01-01T00:00:00Z' });
    expect(untilDeadlineMs(job, t0Ms + 4_000)).toBe(1_000);
    expect(untilDeadlineMs(job, t0Ms + 6_000)).toBeUndefined();
  });

  it('does not count the time before and during a suspension towards the deadline', () => {
    const condition = { type: 'Suspended', status: 'True', reason: 'JobSuspended', message: '' };
    const status = { startTime: '2026-01-01T00:00:00Z', conditions: [condition] };
    const resumed = withStart(aJob({ activeDeadlineSeconds: 5 }, status), t0Ms + 60_000);
    expect(outcome(resumed, [], t0Ms + 60_000)).toBeUndefined();
    expect(outcome(resumed, [], t0Ms + 65_000)?.reason).toBe('DeadlineExceeded');
  });

  it('counts restarts where containers are restarted in place', () => {
    const job = aJob({ backoffLimit: 2 });
    if (job.spec.template.spec !== undefined) job.spec.template.spec.restartPolicy = 'OnFailure';
    const pod = aJobPod('Running');
    const [status] = pod.status?.containerStatuses ?? [];
    if (status !== undefined) status.restartCount = 2;
    expect(outcome(job, [pod])?.reason).toBe('BackoffLimitExceeded');
  });

  it.each([
    ['FailJob', 'In', [42], 'PodFailurePolicy'],
    ['FailJob', 'NotIn', [42], 'BackoffLimitExceeded'],
    ['Ignore', 'In', [42], undefined],
    ['Count', 'In', [42], 'BackoffLimitExceeded'],
  ])('follows a %s rule for exit codes %s %j', (action, operator, values, reason) => {
    const rules = [{ action, onExitCodes: { operator, values } }];
    const job = aJob({ backoffLimit: 0, podFailurePolicy: { rules } });
    expect(outcome(job, [aJobPod('Failed', { exitCode: 42 })])?.reason).toBe(reason);
  });

  it('stands once it is decided', () => {
    const condition = { type: 'SuccessCriteriaMet', status: 'True', reason: 'SuccessPolicy', message: 'x' };
    const job = aJob({ backoffLimit: 0 }, { conditions: [condition] });
    expect(outcome(job, [aJobPod('Failed')])).toEqual({
      interim: 'SuccessCriteriaMet',
      reason: 'SuccessPolicy',
      message: 'x',
    });
  });
});
