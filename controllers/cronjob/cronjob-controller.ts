import type { CronJob, CronJobStatus, Job } from '../../api/generated/batch-v1.ts';
import type { ObjectReference } from '../../api/generated/core-v1.ts';
import { cronjobs, jobs } from '../../api/generated/resources.ts';
import { isAlreadyExists, isNotFound } from '../../api/status-error.ts';
import { toTime } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import { keyOf, objectKey, splitKey } from '../../client/object-key.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { OwnWrites } from '../own-writes.ts';
import { controllerOf, isControlledBy } from '../ownership.ts';
import { isNamespaceTerminating } from '../pod-creation.ts';
import { isTerminating } from '../pod-state.ts';
import { controllerIndex } from '../shared-informers.ts';
import { isSame } from '../structural-equality.ts';
import { jobNameOf, newJob } from './new-job.ts';
import { finishedAs, jobsToForget } from './plan-history.ts';
import { type PlannedSchedule, planSchedule } from './plan-schedule.ts';

const workers = 5;

/** Makes a Job at each time of a schedule. The Job's name is the time's, so that no start happens twice. */
export class CronJobController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #events: EventSink;
  readonly #written = new OwnWrites();
  readonly #loop: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#events = context.eventsOf('cronjob-controller');
    const { cronJobs, jobs: jobInformer } = context.informers;
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'cronjob', workers),
      needs: [cronJobs, jobInformer],
      sync: (key) => this.#sync(key),
    });
    cronJobs.addHandler({
      onAdd: (cronJob) => this.#loop.enqueue(keyOf(cronJob)),
      onUpdate: (previous, cronJob) => this.#observe(previous, cronJob),
      onDelete: (cronJob) => this.#written.forget(keyOf(cronJob)),
    });
    const enqueueOwner = (job: Job): void => {
      const owner = controllerOf(job);
      if (owner?.kind === 'CronJob') this.#loop.enqueue(objectKey(job.metadata.namespace, owner.name));
    };
    jobInformer.addHandler({
      onAdd: enqueueOwner,
      onUpdate: (_previous, job) => enqueueOwner(job),
      onDelete: enqueueOwner,
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }

  /** A new schedule holds from now on: times of it that have passed were not missed. */
  #observe(previous: CronJob, cronJob: CronJob): void {
    const key = keyOf(cronJob);
    const isRescheduled =
      previous.spec.schedule !== cronJob.spec.schedule || previous.spec.timeZone !== cronJob.spec.timeZone;
    if (!isRescheduled) {
      this.#loop.enqueue(key);
      return;
    }
    const planned = this.#plan(cronJob);
    if (planned?.nextInMs !== undefined) this.#loop.enqueueAfter(key, planned.nextInMs);
  }

  async #sync(key: string): Promise<SyncResult | undefined> {
    const { namespace, name } = splitKey(key);
    const { cronJobs, jobs: jobInformer } = this.#context.informers;
    const cronJob = cronJobs.lister.get(namespace, name);
    if (cronJob === undefined || this.#written.isStale(key, cronJob)) return undefined;
    const owned = jobInformer.lister.byIndex(controllerIndex, cronJob.metadata.uid);
    await this.#forgetOldJobs(cronJob, owned);
    const observed = await this.#observeJobs(cronJob, owned);
    const planned = isTerminating(cronJob) || cronJob.spec.suspend === true ? undefined : this.#plan(cronJob);
    let status = observed;
    try {
      if (planned !== undefined) status = await this.#start(cronJob, observed, planned);
    } finally {
      // What was seen is told once, also when nothing can be started.
      await this.#store(key, cronJob, status);
    }
    return { requeueAfterMs: planned?.nextInMs };
  }

  async #forgetOldJobs(cronJob: CronJob, owned: readonly Job[]): Promise<void> {
    for (const job of jobsToForget(cronJob, owned)) await this.#deleteJob(cronJob, job);
  }

  /** The status with what has become of the Jobs. */
  async #observeJobs(cronJob: CronJob, owned: readonly Job[]): Promise<CronJobStatus> {
    let active = [...(cronJob.status?.active ?? [])];
    let { lastSuccessfulTime } = cronJob.status ?? {};
    for (const job of owned) {
      const { name, uid } = job.metadata;
      const state = finishedAs(job);
      const isListed = active.some((reference) => reference.uid === uid);
      if (!isListed && state === undefined)
        this.#report(
          cronJob,
          'Warning',
          'UnexpectedJob',
          `Saw a job that the controller did not create or forgot: ${name}`,
        );
      if (isListed && state !== undefined) {
        active = active.filter((reference) => reference.uid !== uid);
        const message = `Saw completed job: ${name}, condition: ${state}`;
        this.#report(cronJob, 'Normal', 'SawCompletedJob', message);
      }
      const completed = state === 'Complete' ? job.status?.completionTime : undefined;
      if (completed !== undefined && completed > (lastSuccessfulTime ?? '')) lastSuccessfulTime = completed;
    }
    const present = new Set(owned.map(({ metadata }) => metadata.uid));
    for (const reference of [...active]) {
      if (present.has(reference.uid ?? '') || (await this.#exists(reference))) continue;
      active = active.filter((other) => other !== reference);
      this.#report(cronJob, 'Normal', 'MissingJob', `Active job went missing: ${reference.name}`);
    }
    return { ...cronJob.status, active, lastSuccessfulTime };
  }

  async #exists({ namespace, name = '', uid }: ObjectReference): Promise<boolean> {
    try {
      return (await this.#context.client.get(jobs, { namespace, name })).metadata.uid === uid;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  #plan(cronJob: CronJob): PlannedSchedule | undefined {
    try {
      return planSchedule(cronJob, this.#context.clock.nowMs());
    } catch (error) {
      const { schedule, timeZone } = cronJob.spec;
      // The platform does not know the zone; validation let it through under another version of the database.
      if (error instanceof RangeError)
        this.#report(
          cronJob,
          'Warning',
          'UnknownTimeZone',
          `invalid timeZone: "${timeZone}": ${error.message}`,
        );
      else
        this.#report(
          cronJob,
          'Warning',
          'UnparseableSchedule',
          `unparseable schedule: "${schedule}" : ${messageOf(error)}`,
        );
      return undefined;
    }
  }

  /** Makes the Job that is due, if there is one and policy lets it. @returns the status after that */
  async #start(cronJob: CronJob, status: CronJobStatus, planned: PlannedSchedule): Promise<CronJobStatus> {
    const { dueMs, missedMany } = planned;
    if (dueMs === undefined) return status;
    if (missedMany)
      this.#report(
        cronJob,
        'Warning',
        'TooManyMissedTimes',
        'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew',
      );
    const name = jobNameOf(cronJob, dueMs);
    const active = status.active ?? [];
    const isDone = status.lastScheduleTime === toTime(dueMs);
    if (isDone || active.some((reference) => reference.name === name)) return status;
    if (cronJob.spec.concurrencyPolicy === 'Forbid' && active.length > 0) {
      const why = 'Not starting job because prior execution is running and concurrency policy is Forbid';
      this.#report(cronJob, 'Normal', 'JobAlreadyActive', why);
      return status;
    }
    const replaces = cronJob.spec.concurrencyPolicy === 'Replace';
    if (replaces) await this.#deleteActive(cronJob, active);
    const created = await this.#createJob(cronJob, dueMs);
    if (created === undefined) return status;
    return {
      ...status,
      active:
        finishedAs(created) === undefined ? [...(replaces ? [] : active), toReference(created)] : active,
      lastScheduleTime: toTime(dueMs),
    };
  }

  async #deleteActive(cronJob: CronJob, active: readonly ObjectReference[]): Promise<void> {
    for (const { namespace, name = '' } of active) {
      const job = this.#context.informers.jobs.lister.get(namespace, name);
      if (job !== undefined) await this.#deleteJob(cronJob, job);
    }
  }

  /** @returns undefined when there is nothing more to do about this start */
  async #createJob(cronJob: CronJob, dueMs: number): Promise<Job | undefined> {
    const { client } = this.#context;
    const wanted = newJob(cronJob, dueMs);
    const { namespace, name = '' } = wanted.metadata;
    try {
      const created = await client.create(jobs, wanted);
      this.#report(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${name}`);
      return created;
    } catch (error) {
      if (isNamespaceTerminating(error)) return undefined;
      if (isAlreadyExists(error)) {
        const found = await client.get(jobs, { namespace, name });
        if (isControlledBy(found, cronJob)) return found;
      }
      this.#report(cronJob, 'Warning', 'FailedCreate', `Error creating job: ${messageOf(error)}`);
      throw error;
    }
  }

  async #deleteJob(cronJob: CronJob, { metadata }: Job): Promise<void> {
    const { uid, name } = metadata;
    try {
      await this.#context.client.delete(jobs, metadata, { uid, propagationPolicy: 'Background' });
      this.#report(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${name}`);
    } catch (error) {
      if (isNotFound(error)) return;
      this.#report(cronJob, 'Warning', 'FailedDelete', `Deleted job: ${messageOf(error)}`);
      throw error;
    }
  }

  async #store(key: string, cronJob: CronJob, status: CronJobStatus): Promise<void> {
    if (isSame(cronJob.status ?? {}, status)) return;
    const updated = await this.#context.client.update(
      cronjobs,
      { ...cronJob, status },
      { subresource: 'status' },
    );
    this.#written.note(key, updated);
  }

  #report(object: CronJob, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#events.event({ object, type, reason, message });
  }
}

function toReference({ metadata }: Job): ObjectReference {
  const { namespace, name, uid, resourceVersion } = metadata;
  return { apiVersion: 'batch/v1', kind: 'Job', namespace, name, uid, resourceVersion };
}
