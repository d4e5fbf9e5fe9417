import type { Job, JobCondition, JobStatus } from '../../api/generated/batch-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { toTime } from '../../base/clock.ts';
import { matchFailurePolicy } from './failure-policy.ts';
import { isPodFailed, isSuspended, restartsOf } from './job-pods.ts';
import type { JobView } from './job-view.ts';
import { matchSuccessPolicy } from './success-policy.ts';

/** How a Job ends, decided before its last pods have gone: an interim condition says so until they have. */
export interface Outcome {
  readonly interim: 'SuccessCriteriaMet' | 'FailureTarget';
  readonly reason: string;
  readonly message: string;
}

const failure = (reason: string, message: string): Outcome => ({ interim: 'FailureTarget', reason, message });

export const completionsReached: Outcome = {
  interim: 'SuccessCriteriaMet',
  reason: 'CompletionsReached',
  message: 'Reached expected number of succeeded pods',
};

export function conditionOf(status: JobStatus | undefined, type: string): JobCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type && condition.status === 'True');
}

export function isFinished({ status }: Job): boolean {
  return conditionOf(status, 'Complete') !== undefined || conditionOf(status, 'Failed') !== undefined;
}

/** @returns undefined while the Job goes on */
export function planOutcome(view: JobView, nowMs: number): Outcome | undefined {
  return decidedOutcome(view.job) ?? failureOf(view, nowMs) ?? indexOutcome(view);
}

function decidedOutcome({ status }: Job): Outcome | undefined {
  for (const interim of ['SuccessCriteriaMet', 'FailureTarget'] as const) {
    const decided = conditionOf(status, interim);
    if (decided !== undefined)
      return { interim, reason: decided.reason ?? '', message: decided.message ?? '' };
  }
  return undefined;
}

function failureOf({ job, pods, failed }: JobView, nowMs: number): Outcome | undefined {
  const ruled = policyFailure(job, pods);
  if (ruled !== undefined) return failure('PodFailurePolicy', ruled);
  if (failed > (job.spec.backoffLimit ?? 6) || isPastRestarts(job, pods))
    return failure('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  if (deadlineInMs(job, nowMs) === 0)
    return failure('DeadlineExceeded', 'Job was active longer than specified deadline');
  return undefined;
}

function policyFailure(job: Job, pods: readonly Pod[]): string | undefined {
  if (job.spec.podFailurePolicy === undefined) return undefined;
  for (const pod of pods) {
    const { message } = matchFailurePolicy(job.spec.podFailurePolicy, pod);
    if (message !== undefined && isPodFailed(pod, job)) return message;
  }
  return undefined;
}

/** With OnFailure, containers are restarted in place and their restarts are the failures. */
function isPastRestarts({ spec }: Job, pods: readonly Pod[]): boolean {
  if (spec.template.spec?.restartPolicy !== 'OnFailure') return false;
  return restartsOf(pods) >= Math.max(1, spec.backoffLimit ?? 6);
}

/** Milliseconds until the active deadline; 0 when it has passed, undefined when none runs. */
export function deadlineInMs(job: Job, nowMs: number): number | undefined {
  const { activeDeadlineSeconds } = job.spec;
  const startMs = Date.parse(job.status?.startTime ?? '');
  if (activeDeadlineSeconds === undefined || isSuspended(job) || Number.isNaN(startMs)) return undefined;
  return Math.max(0, startMs + activeDeadlineSeconds * 1_000 - nowMs);
}

/** As `deadlineInMs`, but undefined when it has passed, too: what is to wait for then has events of its own. */
export function untilDeadlineMs(job: Job, nowMs: number): number | undefined {
  const leftMs = deadlineInMs(job, nowMs);
  return leftMs === 0 ? undefined : leftMs;
}

function indexOutcome({ job, indexes }: JobView): Outcome | undefined {
  if (indexes === undefined) return undefined;
  const { succeeded, failed } = indexes;
  const { maxFailedIndexes, completions = 0 } = job.spec;
  if (failed !== undefined && failed.size > 0) {
    if (maxFailedIndexes !== undefined && failed.size > maxFailedIndexes)
      return failure(
        'MaxFailedIndexesExceeded',
        'Job has exceeded the specified maximal number of failed indexes',
      );
    if (failed.size + succeeded.size >= completions)
      return failure('FailedIndexes', 'Job has failed indexes');
  }
  const met = matchSuccessPolicy(job, succeeded);
  return met === undefined
    ? undefined
    : { interim: 'SuccessCriteriaMet', reason: 'SuccessPolicy', message: met };
}

/** Sets a condition; one that is False and was never True is not worth a line. @returns the same list when nothing changes */
export function withCondition(
  conditions: readonly JobCondition[],
  wanted: {
    readonly type: string;
    readonly status: 'True' | 'False';
    readonly reason: string;
    readonly message: string;
  },
  nowMs: number,
): readonly JobCondition[] {
  const current = conditions.find(({ type }) => type === wanted.type);
  if (current === undefined && wanted.status === 'False') return conditions;
  const { status, reason, message } = wanted;
  if (current?.status === status && current.reason === reason && current.message === message)
    return conditions;
  const now = toTime(nowMs);
  const { type } = wanted;
  const fresh: JobCondition = { type, status, lastProbeTime: now, lastTransitionTime: now, reason, message };
  return current === undefined
    ? [...conditions, fresh]
    : conditions.map((condition) => (condition === current ? fresh : condition));
}
