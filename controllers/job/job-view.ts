import type { Job } from '../../api/generated/batch-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { isPodActive, isPodReady, isPodTerminal, isTerminating } from '../pod-state.ts';
import { matchFailurePolicy } from './failure-policy.ts';
import { IndexSet } from './index-set.ts';
import {
  completionIndexOf,
  failureCountOf,
  finishedAtMs,
  ignoredFailureCountOf,
  isCountedFailure,
  isIndexed,
  isPodFailed,
  isTracked,
} from './job-pods.ts';

export interface IndexView {
  /** As the status says. */
  readonly counted: IndexSet;
  readonly succeeded: IndexSet;
  /** With a back-off limit per index only. */
  readonly failed: IndexSet | undefined;
  /** The last failed pod of each index that waits for a new one: it carries the index's failures, so it stays tracked. */
  readonly waiting: ReadonlyMap<number, Pod>;
}

/** What a Job's status and pods say together. */
export interface JobView {
  readonly job: Job;
  readonly pods: readonly Pod[];
  readonly active: readonly Pod[];
  readonly ready: number;
  readonly terminating: number;
  /** Tracked pods whose end no counter and no list of the status has yet. */
  readonly newSucceeded: readonly Pod[];
  readonly newFailed: readonly Pod[];
  readonly succeeded: number;
  readonly failed: number;
  readonly indexes: IndexView | undefined;
  /** Pods that still have to be accounted for: tracked, and not untracked by us just now. */
  isOpen(pod: Pod): boolean;
}

/** @param untracked uids of pods whose finalizer is gone although the cache may not show it yet */
export function viewJob(
  job: Job,
  pods: readonly Pod[],
  untracked: ReadonlySet<string>,
  nowMs: number,
): JobView {
  const uncounted = job.status?.uncountedTerminatedPods;
  const listed = { succeeded: uncounted?.succeeded ?? [], failed: uncounted?.failed ?? [] };
  const isOpen = (pod: Pod): boolean => isTracked(pod) && !untracked.has(pod.metadata.uid);
  const fits = (pod: Pod): boolean => !isIndexed(job) || completionIndexOf(pod, job) !== undefined;
  const open = pods.filter((pod) => isOpen(pod) && fits(pod));
  const isNew = (uids: readonly string[]): ((pod: Pod) => boolean) => {
    const known = new Set(uids);
    return (pod) => !known.has(pod.metadata.uid);
  };
  const newSucceeded = open
    .filter(({ status }) => status?.phase === 'Succeeded')
    .filter(isNew(listed.succeeded));
  const newFailed = open.filter((pod) => isCountedFailure(pod, job)).filter(isNew(listed.failed));
  const active = pods.filter(isPodActive);
  const indexes = isIndexed(job) ? viewIndexes({ job, pods, open, active, nowMs }) : undefined;
  return {
    ...{ job, pods, active, newSucceeded, newFailed, indexes, isOpen },
    ready: active.filter(isPodReady).length,
    terminating: pods.filter((pod) => isTerminating(pod) && !isPodTerminal(pod)).length,
    succeeded:
      indexes?.succeeded.size ?? (job.status?.succeeded ?? 0) + listed.succeeded.length + newSucceeded.length,
    failed: (job.status?.failed ?? 0) + listed.failed.length + newFailed.length,
  };
}

interface IndexInput {
  readonly job: Job;
  readonly pods: readonly Pod[];
  readonly open: readonly Pod[];
  readonly active: readonly Pod[];
  readonly nowMs: number;
}

function viewIndexes({ job, pods, open, active, nowMs }: IndexInput): IndexView {
  const completions = job.spec.completions ?? 0;
  const indexOf = (pod: Pod): number[] => {
    const index = completionIndexOf(pod, job);
    return index === undefined ? [] : [index];
  };
  const counted = IndexSet.parse(job.status?.completedIndexes, completions);
  const ended = open.filter(({ status }) => status?.phase === 'Succeeded').flatMap(indexOf);
  const succeeded = counted.union(IndexSet.of(ended));
  if (job.spec.backoffLimitPerIndex === undefined)
    return { counted, succeeded, failed: undefined, waiting: new Map() };
  const given = pods.filter((pod) => isIndexFailed(pod, job)).flatMap(indexOf);
  const failed = IndexSet.parse(job.status?.failedIndexes, completions).union(IndexSet.of(given));
  const settled = succeeded.union(failed).union(IndexSet.of(active.flatMap(indexOf)));
  const waiting = new Map<number, Pod>();
  for (const pod of open.filter((one) => isPodFailed(one, job)))
    for (const index of indexOf(pod))
      if (!settled.has(index) && isLater(pod, waiting.get(index), nowMs)) waiting.set(index, pod);
  return { counted, succeeded, failed, waiting };
}

const failuresOf = (pod: Pod): number => failureCountOf(pod) + ignoredFailureCountOf(pod);

function isLater(pod: Pod, other: Pod | undefined, nowMs: number): boolean {
  if (other === undefined) return true;
  return failuresOf(pod) >= failuresOf(other) && finishedAtMs(pod, nowMs) >= finishedAtMs(other, nowMs);
}

/** Whether this failed pod was its index's last attempt. */
function isIndexFailed(pod: Pod, job: Job): boolean {
  if (!isPodFailed(pod, job)) return false;
  const { action, counts } = matchFailurePolicy(job.spec.podFailurePolicy, pod);
  if (action === 'FailIndex') return true;
  return counts && failureCountOf(pod) >= (job.spec.backoffLimitPerIndex ?? 0);
}
