import type { Pod } from '../../api/generated/core-v1.ts';
import { podsToDelete } from '../deletion-rank.ts';
import { isPodTerminal, isTerminating } from '../pod-state.ts';
import { maxPodBurst } from '../pod-writer.ts';
import { type FailureRecord, indexPauseLeftMs, pauseLeftMs } from './backoff.ts';
import { IndexSet } from './index-set.ts';
import { completionIndexOf, isIndexed, isSuspended, replacesFailedOnly } from './job-pods.ts';
import type { JobView } from './job-view.ts';

export interface PodPlan {
  readonly toDelete: readonly Pod[];
  /** One element per new pod: its completion index, if the Job has such. */
  readonly toCreate: readonly (number | undefined)[];
  /** Pods are wanted, but not before this time has passed. */
  readonly retryInMs: number | undefined;
}

const nothing: PodPlan = { toDelete: [], toCreate: [], retryInMs: undefined };

/** Which pods to make or to take away so that as many run as the Job wants now; never both at once. */
export function planPods(view: JobView, record: FailureRecord, nowMs: number): PodPlan {
  const { job, active, terminating } = view;
  if (isSuspended(job)) return { ...nothing, toDelete: active.slice(0, maxPodBurst) };
  const wanted = wantedActive(view);
  const toDelete = surplusPods(view, active.length - wanted, nowMs);
  if (toDelete.length > 0) return { ...nothing, toDelete };
  const missing = wanted - active.length - (replacesFailedOnly(job) ? terminating : 0);
  if (missing <= 0) return nothing;
  const count = Math.min(missing, maxPodBurst);
  if (job.spec.backoffLimitPerIndex !== undefined) return planIndexes(view, count, nowMs);
  const retryInMs = pauseLeftMs(record, nowMs);
  if (retryInMs > 0) return { ...nothing, retryInMs };
  const toCreate = isIndexed(job)
    ? pendingIndexes(view, count)
    : Array.from({ length: count }, () => undefined);
  return { ...nothing, toCreate };
}

function wantedActive({ job, active, succeeded }: JobView): number {
  const { completions, parallelism = 1 } = job.spec;
  // Without completions the first success means that the work is done: who runs goes on, nobody is added.
  if (completions === undefined) return succeeded > 0 ? active.length : parallelism;
  return Math.max(0, Math.min(completions - succeeded, parallelism));
}

function surplusPods(view: JobView, surplus: number, nowMs: number): readonly Pod[] {
  const { job, active } = view;
  const misplaced = isIndexed(job) ? misplacedPods(view, nowMs) : new Set<Pod>();
  const left = active.filter((pod) => !misplaced.has(pod));
  const more = Math.max(0, surplus - misplaced.size);
  const chosen = more === 0 ? [] : podsToDelete(left, left, more, nowMs);
  return [...misplaced, ...chosen].slice(0, maxPodBurst);
}

/** Pods with no index that is wanted, and all but the best of those that share one. */
function misplacedPods({ job, active }: JobView, nowMs: number): Set<Pod> {
  const misplaced = new Set<Pod>();
  const byIndex = new Map<number, Pod[]>();
  for (const pod of active) {
    const index = completionIndexOf(pod, job);
    if (index === undefined) misplaced.add(pod);
    else byIndex.set(index, [...(byIndex.get(index) ?? []), pod]);
  }
  for (const sharing of byIndex.values())
    if (sharing.length > 1)
      for (const pod of podsToDelete(sharing, sharing, sharing.length - 1, nowMs)) misplaced.add(pod);
  return misplaced;
}

function pendingIndexes({ job, pods, active, indexes }: JobView, count: number): number[] {
  const leaving = replacesFailedOnly(job)
    ? pods.filter((pod) => isTerminating(pod) && !isPodTerminal(pod))
    : [];
  const taken = [...active, ...leaving].flatMap((pod) => completionIndexOf(pod, job) ?? []);
  const done = (indexes?.succeeded ?? IndexSet.empty).union(indexes?.failed ?? IndexSet.empty);
  return done.union(IndexSet.of(taken)).firstMissing(count, job.spec.completions ?? 0);
}

/** Every index backs off by itself. */
function planIndexes(view: JobView, count: number, nowMs: number): PodPlan {
  const pauses = pendingIndexes(view, count).map((index) => ({
    index,
    pauseMs: indexPauseLeftMs(view.indexes?.waiting.get(index), nowMs),
  }));
  const pending = pauses.filter(({ pauseMs }) => pauseMs > 0).map(({ pauseMs }) => pauseMs);
  return {
    ...nothing,
    toCreate: pauses.filter(({ pauseMs }) => pauseMs === 0).map(({ index }) => index),
    retryInMs: pending.length === 0 ? undefined : Math.min(...pending),
  };
}
