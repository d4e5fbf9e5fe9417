import type { Job } from '../../api/generated/batch-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { isTerminating } from '../pod-state.ts';
import { matchFailurePolicy } from './failure-policy.ts';

/** How a Job reads its pods: pure, from pods and Job alone. */

export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
export const completionIndexKey = 'batch.kubernetes.io/job-completion-index';
export const indexFailureCountKey = 'batch.kubernetes.io/job-index-failure-count';
export const indexIgnoredFailureCountKey = 'batch.kubernetes.io/job-index-ignored-failure-count';

export const isTracked = (pod: Pod): boolean => pod.metadata.finalizers?.includes(trackingFinalizer) === true;

export const isIndexed = ({ spec }: Job): boolean => spec.completionMode === 'Indexed';

export const isSuspended = ({ spec }: Job): boolean => spec.suspend === true;

/** Whether a pod that ends counts as failed, and is replaced, only when its containers have ended. */
export function replacesFailedOnly({ spec }: Job): boolean {
  return spec.podFailurePolicy !== undefined || spec.podReplacementPolicy === 'Failed';
}

/** Deleted pods that never got to an end count as failed, unless only failed ones are replaced. */
export function isPodFailed(pod: Pod, job: Job): boolean {
  if (pod.status?.phase === 'Failed') return true;
  return !replacesFailedOnly(job) && isTerminating(pod) && pod.status?.phase !== 'Succeeded';
}

/** As `isPodFailed`, but without those that the failure policy ignores. */
export function isCountedFailure(pod: Pod, job: Job): boolean {
  return isPodFailed(pod, job) && matchFailurePolicy(job.spec.podFailurePolicy, pod).counts;
}

/** The completion index of a pod; undefined when it has none or one that the Job does not ask for. */
export function completionIndexOf({ metadata }: Pod, { spec }: Job): number | undefined {
  const text = metadata.annotations?.[completionIndexKey];
  if (text === undefined || !/^\d+$/.test(text)) return undefined;
  const index = Number(text);
  return index < (spec.completions ?? 0) ? index : undefined;
}

export function failureCountOf({ metadata }: Pod): number {
  return Number(metadata.annotations?.[indexFailureCountKey] ?? 0) || 0;
}

export function ignoredFailureCountOf({ metadata }: Pod): number {
  return Number(metadata.annotations?.[indexIgnoredFailureCountKey] ?? 0) || 0;
}

/** When a finished or deleted pod ended, wall time in milliseconds. */
export function finishedAtMs(pod: Pod, nowMs: number): number {
  const statuses = pod.status?.containerStatuses ?? [];
  const ends = statuses.map(({ state }) => Date.parse(state?.terminated?.finishedAt ?? ''));
  if (ends.length > 0 && !ends.some(Number.isNaN)) return Math.max(...ends);
  const notReady = pod.status?.conditions?.find(({ type, status }) => type === 'Ready' && status === 'False');
  const times = [
    pod.metadata.deletionTimestamp,
    notReady?.lastTransitionTime,
    pod.metadata.creationTimestamp,
  ].map((time) => Date.parse(time ?? ''));
  return times.find((time) => !Number.isNaN(time)) ?? nowMs;
}

/** Restarts of containers of pods that are not finished: with OnFailure they are a Job's failures. */
export function restartsOf(pods: readonly Pod[]): number {
  return pods
    .filter(({ status }) => status?.phase === 'Running' || status?.phase === 'Pending')
    .flatMap(({ status }) => [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])])
    .reduce((sum, { restartCount }) => sum + restartCount, 0);
}
