import type { Job, JobStatus } from '../../api/generated/batch-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { jobs, pods } from '../../api/generated/resources.ts';
import { fromLabelSelector } from '../../api/selector.ts';
import { toTime } from '../../base/clock.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import { splitKey } from '../../client/object-key.ts';
import { runBounded } from '../batches.ts';
import { claimDependents } from '../claim-dependents.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { Expectations } from '../expectations.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { orphansFor } from '../orphans.ts';
import { OwnWrites } from '../own-writes.ts';
import { isPodActive } from '../pod-state.ts';
import { PodWriter } from '../pod-writer.ts';
import { controllerIndex } from '../shared-informers.ts';
import { isSame } from '../structural-equality.ts';
import { accountForEnds } from './accounting.ts';
import { afterEnds, type FailureRecord, noFailures } from './backoff.ts';
import { removeTrackingFinalizer } from './finalizers.ts';
import { isSuspended, isTracked, trackingFinalizer } from './job-pods.ts';
import {
  isComplete,
  isCounted,
  type LiveCounts,
  withCounted,
  withEnd,
  withInterim,
  without,
  withStart,
} from './job-status.ts';
import { type JobView, viewJob } from './job-view.ts';
import { newJobPod } from './new-pods.ts';
import {
  completionsReached,
  isFinished,
  type Outcome,
  planOutcome,
  untilDeadlineMs,
  withCondition,
} from './outcome.ts';
import { planPods } from './plan-pods.ts';
import { isAdoptable, isLeftBehind, isManagedHere, watchJobs } from './triggers.ts';

const workers = 16;
const orphanWorkers = 4;

/** What a reconciliation has done and what the status has to say of it. */
interface Progress extends LiveCounts {
  readonly outcome: Outcome | undefined;
  /** Whether pods were brought to their number, so that suspension is in effect. */
  readonly isManaged: boolean;
  readonly retryInMs: number | undefined;
  readonly failure: { readonly error: unknown } | undefined;
}

/**
 * Runs pods until enough of them have succeeded, or too many have failed.
 *
 * Pods hold a finalizer until their end is counted. INVARIANTS: an end is written to the status before the finalizer
 * goes; nothing is planned on a Job older than the last one written here; nothing is created or deleted before the cache
 * shows what was done before.
 */
export class JobController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #events: EventSink;
  readonly #expectations: Expectations;
  readonly #writer: PodWriter;
  readonly #written = new OwnWrites();
  readonly #loop: ReconcileLoop;
  readonly #orphans: ReconcileLoop;
  /** Uids of pods that were untracked and that the cache still shows tracked, by Job. */
  readonly #untracked = new Map<string, Set<string>>();
  readonly #failures = new Map<string, FailureRecord>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#events = context.eventsOf('job-controller');
    this.#expectations = new Expectations(context.clock);
    this.#writer = new PodWriter({ context, events: this.#events, expectations: this.#expectations });
    const { pods: podInformer, jobs: jobInformer } = context.informers;
    const needs = [podInformer, jobInformer];
    this.#loop = new ReconcileLoop({
      ...{ ...loopOptions(context, 'job', workers), needs },
      sync: (key, signal) => this.#sync(key, signal),
    });
    this.#orphans = new ReconcileLoop({
      ...{ ...loopOptions(context, 'job-orphans', orphanWorkers), needs },
      sync: (key) => this.#releaseOrphan(key),
    });
    watchJobs(context.informers, {
      expectations: this.#expectations,
      enqueue: (key) => this.#loop.enqueue(key),
      enqueueAfter: (key, delayMs) => this.#loop.enqueueAfter(key, delayMs),
      enqueueOrphan: (key) => this.#orphans.enqueue(key),
      untrackingObserved: (key, uid) => this.#untrackingObserved(key, uid),
      forget: (key) => this.#forget(key),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#loop.run(signal), this.#orphans.run(signal)]);
  }

  async #sync(key: string, signal: AbortSignal): Promise<SyncResult | undefined> {
    const { namespace, name } = splitKey(key);
    const job = this.#context.informers.jobs.lister.get(namespace, name);
    if (job === undefined) return this.#forget(key);
    if (!isManagedHere(job) || isFinished(job) || this.#written.isStale(key, job)) return undefined;
    const claimed = await this.#claim(job);
    if (claimed === undefined) return undefined;
    const nowMs = this.#context.clock.nowMs();
    const started = withStart(job, nowMs);
    const view = viewJob(started, claimed, new Set(this.#untracked.get(key)), nowMs);
    const record = afterEnds(this.#failures.get(key) ?? noFailures, view.newSucceeded, view.newFailed, nowMs);
    const progress = await this.#advance(key, view, record, signal);
    await this.#track(key, job, view, progress);
    if (record !== noFailures) this.#failures.set(key, record);
    if (progress.failure !== undefined) throw progress.failure.error;
    return { requeueAfterMs: earliest(progress.retryInMs, untilDeadlineMs(started, nowMs)) };
  }

  async #claim(job: Job): Promise<readonly Pod[] | undefined> {
    const selector = fromLabelSelector(job.spec.selector);
    if (selector === undefined || selector.length === 0) return undefined;
    const { lister } = this.#context.informers.pods;
    return claimDependents({
      ...{ client: this.#context.client, ownerType: jobs, owner: job, type: pods, selector },
      finalizer: trackingFinalizer,
      candidates: [
        ...lister.byIndex(controllerIndex, job.metadata.uid),
        ...orphansFor(lister, job.metadata.namespace, selector).filter(isPodActive),
      ],
    });
  }

  /** Makes or takes away pods. */
  async #advance(key: string, view: JobView, record: FailureRecord, signal: AbortSignal): Promise<Progress> {
    const nowMs = this.#context.clock.nowMs();
    const { job, active, ready, terminating } = view;
    const counts = { active: active.length, ready, terminating };
    const base = { ...counts, isManaged: false, retryInMs: undefined, failure: undefined };
    const outcome = planOutcome(view, nowMs);
    const settled = this.#expectations.satisfied(key, this.#context.informers.pods.lastResourceVersion);
    if (outcome !== undefined) {
      const failure = await failureOf(() => this.#writer.delete(job, active, signal));
      const isOver = failure === undefined && settled;
      return { ...base, ...without(counts, active), outcome: isOver ? outcome : undefined, failure };
    }
    if (isComplete(view)) return { ...base, outcome: completionsReached };
    if (!settled || job.metadata.deletionTimestamp !== undefined) return { ...base, outcome };
    const plan = planPods(view, record, nowMs);
    const toCreate = plan.toCreate.map((index) =>
      newJobPod(job, index, view.indexes?.waiting.get(index ?? -1), this.#context.random),
    );
    const failure = await failureOf(async () => {
      await this.#letGo(key, plan.toDelete.filter(view.isOpen), new Set());
      await this.#writer.delete(job, plan.toDelete, signal);
      await this.#writer.create(job, toCreate, signal);
    });
    const after = without(counts, failure === undefined ? plan.toDelete : []);
    return {
      ...after,
      active: after.active + (failure === undefined ? toCreate.length : 0),
      ...{ outcome, isManaged: failure === undefined, retryInMs: plan.retryInMs, failure },
    };
  }

  /** Writes ends down, untracks their pods, and says how the Job ended when nothing is left to count. */
  async #track(key: string, stored: Job, view: JobView, progress: Progress): Promise<void> {
    const nowMs = this.#context.clock.nowMs();
    const { active, ready, terminating, outcome } = progress;
    const conditions = this.#suspension(view.job, progress, nowMs);
    const isResumed = conditions !== view.job.status?.conditions && !isSuspended(view.job);
    const draft: JobStatus = {
      ...view.job.status,
      ...(conditions === undefined ? {} : { conditions: [...conditions] }),
      ...(isResumed && conditions !== undefined ? { startTime: toTime(nowMs) } : {}),
      ...{ active: active === 0 ? undefined : active, ready, terminating },
    };
    const accounts = accountForEnds(view, withInterim(draft, outcome, nowMs), outcome);
    let job = await this.#store(key, stored, accounts.status);
    const untracked = new Set<string>();
    const failure = await failureOf(() => this.#letGo(key, accounts.toUntrack, untracked));
    const done = withCounted(view, job.status ?? {}, untracked);
    const isOver = failure === undefined && outcome !== undefined && !accounts.isFull && isCounted(done);
    if (isOver && terminating === 0) {
      job = await this.#store(key, job, withEnd(done, outcome, nowMs));
      this.#reportEnd(job, outcome);
    } else await this.#store(key, job, done);
    if (failure !== undefined) throw failure.error;
  }

  /** @returns the conditions with what is to be said of suspension; undefined when there are none */
  #suspension(job: Job, progress: Progress, nowMs: number): JobStatus['conditions'] | undefined {
    const conditions = job.status?.conditions;
    if (!progress.isManaged || progress.outcome !== undefined) return conditions;
    const wanted = isSuspended(job)
      ? ({ status: 'True', reason: 'JobSuspended', message: 'Job suspended' } as const)
      : ({ status: 'False', reason: 'JobResumed', message: 'Job resumed' } as const);
    const next = withCondition(conditions ?? [], { type: 'Suspended', ...wanted }, nowMs);
    if (next.length === 0 || next === conditions) return conditions;
    const [reason, message] = isSuspended(job) ? ['Suspended', 'Job suspended'] : ['Resumed', 'Job resumed'];
    this.#events.event({ object: job, type: 'Normal', reason, message });
    return [...next];
  }

  async #store(key: string, job: Job, status: JobStatus): Promise<Job> {
    if (isSame(job.status, status)) return job;
    const updated = await this.#context.client.update(jobs, { ...job, status }, { subresource: 'status' });
    this.#written.note(key, updated);
    return updated;
  }

  /** Takes the finalizer from `tracked`. @param done gets the uids of those that have lost it */
  async #letGo(key: string, tracked: readonly Pod[], done: Set<string>): Promise<void> {
    await runBounded(tracked, async (pod) => {
      await removeTrackingFinalizer(this.#context.client, pod);
      const { namespace, name, uid } = pod.metadata;
      done.add(uid);
      const cached = this.#context.informers.pods.lister.get(namespace, name);
      // The cache may show it already, and then nothing would ever take the uid away.
      if (cached?.metadata.uid === uid && isTracked(cached)) this.#untrackedOf(key).add(uid);
    });
  }

  async #releaseOrphan(key: string): Promise<undefined> {
    const { namespace, name } = splitKey(key);
    const pod = this.#context.informers.pods.lister.get(namespace, name);
    const { informers } = this.#context;
    if (pod === undefined || !isTracked(pod) || !isLeftBehind(informers, pod)) return;
    // Whoever adopts it counts its end, too.
    if (isAdoptable(informers, pod)) return;
    await removeTrackingFinalizer(this.#context.client, pod);
  }

  #reportEnd(object: Job, { interim, reason, message }: Outcome): void {
    const report = (type: 'Normal' | 'Warning', why: string, text: string): void =>
      this.#events.event({ object, type, reason: why, message: text });
    if (interim === 'FailureTarget') {
      report('Warning', reason, message);
      return;
    }
    const { completions } = object.spec;
    if (completions !== undefined && (object.status?.succeeded ?? 0) > completions)
      report('Warning', 'TooManySucceededPods', 'Too many succeeded pods');
    report('Normal', 'Completed', 'Job completed');
  }

  #untrackedOf(key: string): Set<string> {
    let untracked = this.#untracked.get(key);
    if (untracked === undefined) {
      untracked = new Set();
      this.#untracked.set(key, untracked);
    }
    return untracked;
  }

  #untrackingObserved(key: string, uid: string): void {
    const untracked = this.#untracked.get(key);
    if (untracked?.delete(uid) === true && untracked.size === 0) this.#untracked.delete(key);
  }

  #forget(key: string): undefined {
    this.#expectations.forget(key);
    this.#written.forget(key);
    this.#failures.delete(key);
    this.#untracked.delete(key);
  }
}

async function failureOf(run: () => Promise<void>): Promise<{ readonly error: unknown } | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    return { error };
  }
}

function earliest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.max(1, Math.min(...known));
}
