import type { Pod } from '../../api/generated/core-v1.ts';
import { failureCountOf, finishedAtMs, ignoredFailureCountOf } from './job-pods.ts';

/** After the first failure a Job waits this long before it makes another pod, then twice as long, ... */
const firstPauseMs = 10_000;
const longestPauseMs = 10 * 60_000;

/** How a Job has fared lately. */
export interface FailureRecord {
  readonly failuresSinceSuccess: number;
  readonly lastFailureMs: number;
}

export const noFailures: FailureRecord = { failuresSinceSuccess: 0, lastFailureMs: 0 };

/** The record after these pods have ended. */
export function afterEnds(
  record: FailureRecord,
  succeeded: readonly Pod[],
  failed: readonly Pod[],
  nowMs: number,
): FailureRecord {
  if (succeeded.length + failed.length === 0) return record;
  const lastSuccessMs = Math.max(0, ...succeeded.map((pod) => finishedAtMs(pod, nowMs)));
  const failures = failed.map((pod) => finishedAtMs(pod, nowMs)).filter((endMs) => endMs > lastSuccessMs);
  const before = succeeded.length > 0 ? noFailures : record;
  return {
    failuresSinceSuccess: before.failuresSinceSuccess + failures.length,
    lastFailureMs: Math.max(before.lastFailureMs, ...failures),
  };
}

/** How long to wait before another pod is made; 0 for not at all. */
export function pauseLeftMs({ failuresSinceSuccess, lastFailureMs }: FailureRecord, nowMs: number): number {
  if (failuresSinceSuccess === 0) return 0;
  const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(failuresSinceSuccess - 1, 16));
  return Math.max(0, lastFailureMs + pauseMs - nowMs);
}

/** As `pauseLeftMs`, for one index that backs off by itself; `last` is the pod that failed there. */
export function indexPauseLeftMs(last: Pod | undefined, nowMs: number): number {
  if (last === undefined) return 0;
  const failures = failureCountOf(last) + ignoredFailureCountOf(last) + 1;
  return pauseLeftMs({ failuresSinceSuccess: failures, lastFailureMs: finishedAtMs(last, nowMs) }, nowMs);
}
