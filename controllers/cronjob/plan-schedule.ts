import { type CronSchedule, parseCronSchedule } from '../../api/cron-schedule.ts';
import type { CronJob } from '../../api/generated/batch-v1.ts';

/** More missed starts than this are no ordinary delay. */
const manyMissed = 100;
/** A little later than the minute, so that clocks that differ a bit agree that it has begun. */
const marginMs = 100;

export interface PlannedSchedule {
  /** The last time to start that has passed since the last start; undefined when there is none. */
  readonly dueMs: number | undefined;
  readonly missedMany: boolean;
  /** Until the next time to start. */
  readonly nextInMs: number | undefined;
}

/** @throws CronScheduleError, or RangeError for an unknown time zone */
export function planSchedule(cronJob: CronJob, nowMs: number): PlannedSchedule {
  const { schedule: text, timeZone, startingDeadlineSeconds } = cronJob.spec;
  const schedule = parseCronSchedule(text, timeZone);
  const deadlineMs = startingDeadlineSeconds === undefined ? undefined : startingDeadlineSeconds * 1_000;
  const sinceMs = Date.parse(cronJob.status?.lastScheduleTime ?? cronJob.metadata.creationTimestamp);
  const last = mostRecent(schedule, sinceMs, nowMs);
  const dueMs = isForgotten(last.dueMs, deadlineMs, nowMs) ? undefined : last.dueMs;
  // `@every` counts from the last time: from now on it would be put off whenever somebody looks.
  const nextMs = schedule.next(last.dueMs ?? sinceMs) ?? schedule.next(nowMs);
  return {
    dueMs,
    missedMany: last.missed > manyMissed && deadlineMs === undefined,
    nextInMs: nextMs === undefined ? undefined : nextMs - nowMs + marginMs,
  };
}

/** Times before the starting deadline are not looked at. */
function isForgotten(dueMs: number | undefined, deadlineMs: number | undefined, nowMs: number): boolean {
  return dueMs !== undefined && deadlineMs !== undefined && dueMs <= nowMs - deadlineMs;
}

/** After a long pause the many times in between are estimated from the first two, and only the last days are walked. */
function mostRecent(
  schedule: CronSchedule,
  sinceMs: number,
  nowMs: number,
): { readonly dueMs: number | undefined; readonly missed: number } {
  const firstMs = schedule.next(sinceMs);
  if (firstMs === undefined || firstMs > nowMs) return { dueMs: undefined, missed: 0 };
  const secondMs = schedule.next(firstMs);
  if (secondMs === undefined || secondMs > nowMs) return { dueMs: firstMs, missed: 1 };
  const estimated = Math.floor((nowMs - firstMs) / (secondMs - firstMs)) + 1;
  let dueMs = firstMs;
  // Times lie unevenly (`0 9 * * mon`), so each jump lands a little early and the rest is walked.
  for (let skipMs = nowMs - firstMs; skipMs > secondMs - firstMs; skipMs = Math.floor(skipMs / 2)) {
    const later = schedule.next(nowMs - skipMs);
    if (later !== undefined && later <= nowMs) dueMs = Math.max(dueMs, later);
  }
  for (let later = schedule.next(dueMs); later !== undefined && later <= nowMs; later = schedule.next(dueMs))
    dueMs = later;
  return { dueMs, missed: estimated };
}
