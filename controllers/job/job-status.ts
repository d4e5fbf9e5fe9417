import type { Job, JobStatus } from '../../api/generated/batch-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { toTime } from '../../base/clock.ts';
import { isPodReady } from '../pod-state.ts';
import { countUntracked } from './accounting.ts';
import { isSuspended } from './job-pods.ts';
import type { JobView } from './job-view.ts';
import { conditionOf, type Outcome, withCondition } from './outcome.ts';

/** The steps of a Job's status: each returns the next one. */

export interface LiveCounts {
  readonly active: number;
  readonly ready: number;
  readonly terminating: number;
}

/** A Job that goes on after a suspension starts anew: the time before does not count towards its deadline. */
export function withStart(job: Job, nowMs: number): Job {
  const isResumed = conditionOf(job.status, 'Suspended') !== undefined;
  if (isSuspended(job) || (job.status?.startTime !== undefined && !isResumed)) return job;
  return { ...job, status: { ...job.status, startTime: toTime(nowMs) } };
}

export function isComplete({ job, active, succeeded }: JobView): boolean {
  return active.length === 0 && succeeded >= (job.spec.completions ?? 1);
}

export function without(counts: LiveCounts, deleted: readonly Pod[]): LiveCounts {
  return {
    active: counts.active - deleted.length,
    ready: counts.ready - deleted.filter(isPodReady).length,
    terminating: counts.terminating + deleted.length,
  };
}

export function withInterim(status: JobStatus, outcome: Outcome | undefined, nowMs: number): JobStatus {
  if (outcome === undefined) return status;
  const { interim: type, reason, message } = outcome;
  const wanted = { type, status: 'True', reason, message } as const;
  return { ...status, conditions: [...withCondition(status.conditions ?? [], wanted, nowMs)] };
}

export function withEnd(status: JobStatus, { interim, reason, message }: Outcome, nowMs: number): JobStatus {
  const type = interim === 'FailureTarget' ? 'Failed' : 'Complete';
  const wanted = { type, status: 'True', reason, message } as const;
  return {
    ...status,
    conditions: [...withCondition(status.conditions ?? [], wanted, nowMs)],
    ...(type === 'Complete' ? { completionTime: toTime(nowMs) } : {}),
  };
}

/** The status with the ends of those that are untracked moved into its counters. */
export function withCounted(view: JobView, status: JobStatus, untracked: ReadonlySet<string>): JobStatus {
  const open = view.pods
    .filter((pod) => view.isOpen(pod) && !untracked.has(pod.metadata.uid))
    .map(({ metadata }) => metadata.uid);
  return countUntracked(status, new Set(open));
}

export function isCounted({ uncountedTerminatedPods: uncounted }: JobStatus): boolean {
  return (uncounted?.succeeded ?? []).length + (uncounted?.failed ?? []).length === 0;
}
