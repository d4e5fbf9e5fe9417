import { describe, expect, it } from 'vitest';
import type { CronJob } from '../../api/generated/batch-v1.ts';
import { aJob, aMeta, t0Ms } from '../../test/support/workload-objects.ts';
import { jobNameOf, newJob, toZonedTime } from './new-job.ts';
import { jobsToForget } from './plan-history.ts';
import { planSchedule } from './plan-schedule.ts';

const minute = 60_000;
const aCronJob = (spec: Partial<CronJob['spec']> = {}, status?: CronJob['status']): CronJob => ({
  ...{ apiVersion: 'batch/v1', kind: 'CronJob', metadata: aMeta({ name: 'tick' }), status },
  spec: { schedule: '*/5 * * * *', jobTemplate: { spec: aJob().spec }, ...spec },
});

describe('planSchedule', () => {
  it('has nothing to start before the first time, and says when that is', () => {
    expect(planSchedule(aCronJob(), t0Ms + 2 * minute)).toEqual({
      ...{ dueMs: undefined, missedMany: false },
      nextInMs: 3 * minute + 100,
    });
  });

  it('starts the last of the missed times only', () => {
    expect(planSchedule(aCronJob(), t0Ms + 23 * minute).dueMs).toBe(t0Ms + 20 * minute);
    const late = planSchedule(aCronJob(), t0Ms + 30 * 24 * 60 * minute + 1);
    expect(late).toMatchObject({ dueMs: t0Ms + 30 * 24 * 60 * minute, missedMany: true });
  });

  it('does not look behind the starting deadline', () => {
    const cronJob = aCronJob({ startingDeadlineSeconds: 60, schedule: '0 * * * *' });
    expect(planSchedule(cronJob, t0Ms + 63 * minute).dueMs).toBeUndefined();
    expect(planSchedule(cronJob, t0Ms + 60 * minute + 30_000).dueMs).toBe(t0Ms + 60 * minute);
  });

  it('counts the times of @every from the last one, whoever looks when', () => {
    const every = aCronJob({ schedule: '@every 1h' }, { lastScheduleTime: '2026-01-01T00:00:00Z' });
    expect(planSchedule(every, t0Ms + 59 * minute)).toMatchObject({
      ...{ dueMs: undefined, nextInMs: minute + 100 },
    });
    const hurried = { ...every, spec: { ...every.spec, startingDeadlineSeconds: 60 } };
    expect(planSchedule(hurried, t0Ms + 60 * minute + 100)).toMatchObject({
      ...{ dueMs: t0Ms + 60 * minute, nextInMs: 60 * minute },
    });
  });

  it('counts from the last start', () => {
    const cronJob = aCronJob({}, { lastScheduleTime: '2026-01-01T00:20:00Z' });
    expect(planSchedule(cronJob, t0Ms + 24 * minute).dueMs).toBeUndefined();
  });
});

describe('newJob', () => {
  it('is named after its minute and says when it was due, in its zone', () => {
    const cronJob = aCronJob({ timeZone: 'Asia/Kolkata' });
    expect(jobNameOf(cronJob, t0Ms)).toBe(`tick-${t0Ms / minute}`);
    expect(newJob(cronJob, t0Ms).metadata.annotations).toEqual({
      'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T05:30:00+05:30',
    });
    expect(toZonedTime(t0Ms, undefined)).toBe('2026-01-01T00:00:00Z');
  });
});

describe('jobsToForget', () => {
  it('keeps the youngest of each kind', () => {
    const job = (type: string, startTime: string): ReturnType<typeof aJob> =>
      aJob({}, { startTime, conditions: [{ type, status: 'True' }] });
    const jobs = [
      job('Complete', '2026-01-01T00:02:00Z'),
      job('Complete', '2026-01-01T00:01:00Z'),
      job('Failed', '2026-01-01T00:03:00Z'),
      aJob(),
    ];
    const cronJob = aCronJob({ successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 0 });
    expect(jobsToForget(cronJob, jobs)).toEqual([jobs[1], jobs[2]]);
    expect(jobsToForget(aCronJob(), jobs)).toEqual([]);
  });
});
