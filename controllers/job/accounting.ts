import type { JobStatus } from '../../api/generated/batch-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { IndexSet } from './index-set.ts';
import { completionIndexOf, isCountedFailure, isPodFailed } from './job-pods.ts';
import type { JobView } from './job-view.ts';
import type { Outcome } from './outcome.ts';

/** Ends that one status update lists at most: it keeps the Job small when thousands end together. */
const maxUncounted = 500;

export interface Accounts {
  readonly status: JobStatus;
  /** Their ends stand in `status`: once it is stored, their finalizer may go. */
  readonly toUntrack: readonly Pod[];
  /** Whether more ended pods are left for the next round. */
  readonly isFull: boolean;
}

/**
 * Writes ends down, first as uids in `uncountedTerminatedPods`; a uid becomes part of a counter when the pod's
 * finalizer is gone. A crash between any two steps neither forgets an end nor counts it twice.
 */
export function accountForEnds(view: JobView, status: JobStatus, outcome: Outcome | undefined): Accounts {
  const openUids = new Set(view.pods.filter(view.isOpen).map(({ metadata }) => metadata.uid));
  const cleaned = countUntracked(status, openUids);
  const succeeded = [...(cleaned.uncountedTerminatedPods?.succeeded ?? [])];
  const failed = [...(cleaned.uncountedTerminatedPods?.failed ?? [])];
  const listed = { succeeded: new Set(succeeded), failed: new Set(failed) };
  const newIndexes: number[] = [];
  const toUntrack: Pod[] = [];
  let isFull = false;
  for (const pod of sortedByIndex(view)) {
    if (!view.isOpen(pod) || !mayUntrack(view, pod, outcome)) continue;
    if (succeeded.length + failed.length + newIndexes.length >= maxUncounted) {
      isFull = true;
      break;
    }
    toUntrack.push(pod);
    const { uid } = pod.metadata;
    switch (endOf(view, pod, outcome)) {
      case 'succeeded': {
        const index = completionIndexOf(pod, view.job);
        if (index !== undefined) newIndexes.push(index);
        else if (view.indexes === undefined && !listed.succeeded.has(uid)) succeeded.push(uid);
        break;
      }
      case 'failed':
        if (!listed.failed.has(uid)) failed.push(uid);
        break;
      case 'uncounted':
        break;
    }
  }
  const uncountedTerminatedPods = {
    ...(succeeded.length > 0 ? { succeeded } : {}),
    ...(failed.length > 0 ? { failed } : {}),
  };
  return {
    status: { ...cleaned, uncountedTerminatedPods, ...indexFields(view, newIndexes) },
    toUntrack,
    isFull,
  };
}

function sortedByIndex({ pods, job, indexes }: JobView): readonly Pod[] {
  if (indexes === undefined) return pods;
  const rank = (pod: Pod): number => completionIndexOf(pod, job) ?? Number.MAX_SAFE_INTEGER;
  return [...pods].sort((a, b) => rank(a) - rank(b));
}

function mayUntrack({ job, indexes }: JobView, pod: Pod, outcome: Outcome | undefined): boolean {
  if (job.metadata.deletionTimestamp !== undefined || outcome !== undefined) return true;
  if (pod.status?.phase === 'Succeeded') return true;
  if (!isPodFailed(pod, job)) return false;
  const index = completionIndexOf(pod, job);
  return index === undefined || indexes?.waiting.get(index)?.metadata.uid !== pod.metadata.uid;
}

function endOf(
  { job, indexes }: JobView,
  pod: Pod,
  outcome: Outcome | undefined,
): 'succeeded' | 'failed' | 'uncounted' {
  const isListedFailed = job.status?.uncountedTerminatedPods?.failed?.includes(pod.metadata.uid) === true;
  if (pod.status?.phase === 'Succeeded' && !isListedFailed) return 'succeeded';
  if (indexes !== undefined && completionIndexOf(pod, job) === undefined) return 'uncounted';
  if (isPodFailed(pod, job)) return isCountedFailure(pod, job) ? 'failed' : 'uncounted';
  // When a Job fails, what still ran has failed with it.
  return outcome?.interim === 'FailureTarget' ? 'failed' : 'uncounted';
}

function indexFields({ job, indexes }: JobView, newIndexes: readonly number[]): JobStatus {
  if (indexes === undefined) return {};
  const completed = indexes.counted.union(IndexSet.of(newIndexes));
  const text = completed.toString();
  return {
    succeeded: completed.size === 0 ? undefined : completed.size,
    completedIndexes: text === '' ? undefined : text,
    failedIndexes:
      job.spec.backoffLimitPerIndex === undefined ? undefined : (indexes.failed?.toString() ?? ''),
  };
}

/** Moves listed uids whose pods have lost their finalizer into the counters. */
export function countUntracked(status: JobStatus, openUids: ReadonlySet<string>): JobStatus {
  const { uncountedTerminatedPods: uncounted } = status;
  const split = (uids: readonly string[] = []): { readonly kept: string[]; readonly counted: number } => {
    const kept = uids.filter((uid) => openUids.has(uid));
    return { kept, counted: uids.length - kept.length };
  };
  const succeeded = split(uncounted?.succeeded);
  const failed = split(uncounted?.failed);
  return {
    ...status,
    succeeded: (status.succeeded ?? 0) + succeeded.counted || undefined,
    failed: (status.failed ?? 0) + failed.counted || undefined,
    uncountedTerminatedPods: {
      ...(succeeded.kept.length > 0 ? { succeeded: succeeded.kept } : {}),
      ...(failed.kept.length > 0 ? { failed: failed.kept } : {}),
    },
  };
}
