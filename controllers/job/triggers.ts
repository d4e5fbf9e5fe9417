import type { Job } from '../../api/generated/batch-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { fromLabelSelector, matchesSelector } from '../../api/selector.ts';
import { keyOf, objectKey } from '../../client/object-key.ts';
import type { Expectations } from '../expectations.ts';
import { orphansFor } from '../orphans.ts';
import { controllerOf } from '../ownership.ts';
import { isTerminating } from '../pod-state.ts';
import { controllerIndex, manualSelectorIndex, type SharedInformers } from '../shared-informers.ts';
import { isTracked } from './job-pods.ts';
import { isFinished } from './outcome.ts';

/** A Job's reconciliation reads all its pods: the more it has, the more of their events are taken together. */
const batchPerPodMs = 1;
const longestBatchMs = 1_000;

const jobNameLabel = 'batch.kubernetes.io/job-name';

export interface JobTriggers {
  readonly expectations: Expectations;
  enqueue(key: string): void;
  enqueueAfter(key: string, delayMs: number): void;
  /** A pod that holds the tracking finalizer and has no Job that would take it away. */
  enqueueOrphan(key: string): void;
  /** The cache shows the pod without finalizer, or not at all. */
  untrackingObserved(jobKey: string, uid: string): void;
  forget(key: string): void;
}

/** Turns events into keys of Jobs and of orphaned pods, and tells the controller what the cache shows. */
export function watchJobs(informers: SharedInformers, triggers: JobTriggers): void {
  informers.jobs.addHandler({
    onAdd: (job) => triggers.enqueue(keyOf(job)),
    onUpdate: (previous, job) => {
      triggers.enqueue(keyOf(job));
      if (isFinished(job) && !isFinished(previous)) enqueueUnclaimed(informers, triggers, job);
    },
    onDelete: (job) => {
      triggers.forget(keyOf(job));
      for (const pod of informers.pods.lister.byIndex(controllerIndex, job.metadata.uid))
        if (isTracked(pod)) triggers.enqueueOrphan(keyOf(pod));
      enqueueUnclaimed(informers, triggers, job);
    },
  });
  const observe = (pod: Pod): void => observePod(informers, triggers, pod);
  informers.pods.addHandler({
    onAdd: observe,
    onUpdate: (previous, pod) => {
      const before = ownerKey(previous);
      if (before !== undefined && before !== ownerKey(pod)) {
        triggers.enqueue(before);
        if (isTracked(pod)) triggers.enqueueOrphan(keyOf(pod));
      }
      observe(pod);
    },
    onDelete: (pod) => {
      const key = ownerKey(pod);
      if (key === undefined) return;
      triggers.expectations.creationObserved(key, pod.metadata.name);
      triggers.expectations.deletionObserved(key, pod.metadata.uid);
      triggers.untrackingObserved(key, pod.metadata.uid);
      enqueueBatched(informers, triggers, key, pod);
    },
  });
}

/** Pods that nobody controls and that this Job would have adopted. */
function enqueueUnclaimed(informers: SharedInformers, triggers: JobTriggers, { metadata, spec }: Job): void {
  const selector = fromLabelSelector(spec.selector);
  if (selector === undefined || selector.length === 0) return;
  for (const pod of orphansFor(informers.pods.lister, metadata.namespace, selector))
    if (isTracked(pod)) triggers.enqueueOrphan(keyOf(pod));
}

function observePod(informers: SharedInformers, triggers: JobTriggers, pod: Pod): void {
  const key = ownerKey(pod);
  if (key === undefined) {
    for (const job of jobsSelecting(informers, pod)) triggers.enqueue(keyOf(job));
    if (controllerOf(pod) === undefined && isTracked(pod)) triggers.enqueueOrphan(keyOf(pod));
    return;
  }
  triggers.expectations.creationObserved(key, pod.metadata.name);
  if (isTerminating(pod)) triggers.expectations.deletionObserved(key, pod.metadata.uid);
  if (!isTracked(pod)) triggers.untrackingObserved(key, pod.metadata.uid);
  else if (isLeftBehind(informers, pod)) triggers.enqueueOrphan(keyOf(pod));
  enqueueBatched(informers, triggers, key, pod);
}

function enqueueBatched(informers: SharedInformers, triggers: JobTriggers, key: string, pod: Pod): void {
  const uid = controllerOf(pod)?.uid ?? '';
  const count = informers.pods.lister.countByIndex(controllerIndex, uid);
  triggers.enqueueAfter(key, count <= 1 ? 0 : Math.min(longestBatchMs, count * batchPerPodMs));
}

function ownerKey(pod: Pod): string | undefined {
  const owner = controllerOf(pod);
  return owner?.kind === 'Job' ? objectKey(pod.metadata.namespace, owner.name) : undefined;
}

/** Whether no Job will take the pod's finalizer away: it has none, or one that is done with counting. */
export function isLeftBehind(informers: SharedInformers, pod: Pod): boolean {
  const owner = controllerOf(pod);
  if (owner === undefined) return true;
  if (owner.kind !== 'Job') return false;
  const job = informers.jobs.lister.get(pod.metadata.namespace, owner.name);
  if (job === undefined || job.metadata.uid !== owner.uid) return true;
  return isManagedHere(job) && isFinished(job);
}

const ownName = 'kubernetes.io/job-controller';

/** Jobs that name another controller are that one's. */
export const isManagedHere = ({ spec }: Job): boolean => (spec.managedBy ?? ownName) === ownName;

/** Whether a Job that still counts will adopt the pod. */
export function isAdoptable(informers: SharedInformers, pod: Pod): boolean {
  return jobsSelecting(informers, pod).some(
    (job) => isManagedHere(job) && !isFinished(job) && !isTerminating(job),
  );
}

/** Who may adopt a pod that nobody controls: the Job that its label names, and Jobs with selectors of their own. */
function jobsSelecting(informers: SharedInformers, pod: Pod): readonly Job[] {
  if (controllerOf(pod) !== undefined || isTerminating(pod)) return [];
  const { lister } = informers.jobs;
  const { namespace, labels } = pod.metadata;
  const named = lister.get(namespace, labels?.[jobNameLabel] ?? '');
  const manual = lister.byIndex(manualSelectorIndex, namespace ?? '');
  return [...(named === undefined ? [] : [named]), ...manual].filter(({ spec }) => {
    const selector = fromLabelSelector(spec.selector);
    return selector !== undefined && selector.length > 0 && matchesSelector(selector, labels);
  });
}
