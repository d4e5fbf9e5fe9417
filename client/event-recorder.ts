/**
 * Reports what happened to an object as a core/v1 Event, as `kubectl describe` shows them. The same thing happening
 * again within minutes raises the count of the first event instead of adding another.
 *
 * Reporting never blocks and never fails its caller: the queue is bounded, an object that reports too much is cut
 * short, and what the server refuses is dropped. Reports wait for a pause and go together: a request
 * for each would cost the API server as much as what they tell of.
 */

import type { ObjectReference } from '../api/generated/core-v1.ts';
import { events } from '../api/generated/resources.ts';
import type { ApiObject } from '../api/kind-info.ts';
import { isNotFound } from '../api/status-error.ts';
import { onAbort } from '../base/abort.ts';
import { type BackoffPolicy, backoffMs } from '../base/backoff.ts';
import { type Clock, delay, toTime } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { type Random, randomSuffix } from '../base/random.ts';
import { EventRateLimit } from './event-rate-limit.ts';
import { type EventClient, EventWriter, type NewEvent } from './event-writer.ts';
import { isPassing } from './transport-error.ts';

/** Different events. Repetitions of one that waits add nothing. */
const maxQueued = 10_000;
const maxPerRequest = 500;
/** Reports are written when none has come for so long: what is being done comes before the telling of it. */
const pauseMs = 100;
/** The longest that one waits for such a pause. */
const maxWaitMs = 2_000;
const maxRemembered = 4_096;
const aggregateForMs = 10 * 60_000;
const maxTries = 4;
/** For what is still queued at the end. */
const lastWritesMs = 1_000;
const retryBackoff: BackoffPolicy = { initialMs: 200, maxMs: 5_000, factor: 3, jitter: 0.5 };
/** As Kubernetes limits an event's note. */
const maxMessageCharacters = 1_024;

export interface EventReport {
  readonly object: ApiObject;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  /** Part of the object that is meant, e.g. `spec.containers{nginx}`. */
  readonly fieldPath?: string | undefined;
  readonly action?: string | undefined;
  /** When it happened; left out: now. */
  readonly atMs?: number | undefined;
}

/** What components depend on, so that a test may collect reports. */
export interface EventSink {
  event(report: EventReport): void;
}

export interface EventRecorderOptions {
  readonly client: EventClient;
  /** Shown as the event's source, e.g. `default-scheduler`, `kubelet`. */
  readonly component: string;
  /** Node name, for agents. */
  readonly host?: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

interface Remembered {
  readonly name: string;
  readonly namespace: string;
  readonly lastMs: number;
  readonly count: number;
}

interface Queued {
  readonly key: string;
  /** Of the object no more than this: thousands that wait would keep thousands of objects in memory. */
  readonly about: ObjectReference;
  readonly told: Pick<EventReport, 'type' | 'reason' | 'message' | 'action'>;
  readonly firstMs: number;
  lastMs: number;
  /** How often it was reported while it waited. */
  count: number;
}

export class EventRecorder implements EventSink {
  readonly #options: EventRecorderOptions;
  readonly #writer: EventWriter;
  readonly #queue = new Map<string, Queued>();
  readonly #remembered = new Map<string, Remembered>();
  readonly #rateLimit: EventRateLimit;
  #wake: (() => void) | undefined;
  /** Taken in so far. */
  #reports = 0;
  #isOver = false;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#writer = new EventWriter(options.client);
    this.#rateLimit = new EventRateLimit(options.clock);
  }

  event(report: EventReport): void {
    const { logger, clock } = this.#options;
    if (!this.#rateLimit.admits(report.object.metadata.uid)) return;
    const { object, type, reason, message, fieldPath, action } = report;
    const key = JSON.stringify([object.metadata.uid, type, reason, message, fieldPath]);
    const atMs = report.atMs ?? clock.nowMs();
    this.#reports += 1;
    const waiting = this.#queue.get(key);
    if (waiting !== undefined) {
      waiting.count += 1;
      waiting.lastMs = atMs;
      return;
    }
    if (this.#queue.size >= maxQueued) {
      logger.debug({ reason }, 'event queue is full, event dropped');
      return;
    }
    const about = referenceTo(object, fieldPath);
    const told = { type, reason, message, action };
    this.#queue.set(key, { key, about, told, firstMs: atMs, lastMs: atMs, count: 1 });
    this.#wake?.();
  }

  /** Writes what is reported until `signal` aborts, and then what is still queued, for a second at most. */
  async run(signal: AbortSignal): Promise<void> {
    const finished = new AbortController();
    const writing = this.#writeAll(signal).finally(() => finished.abort());
    await Promise.race([writing, this.#lastSecond(signal, finished.signal)]);
    this.#isOver = true;
  }

  async #writeAll(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#nextReport(signal);
      await this.#whenPaused(signal);
      await this.#write(this.#next(), signal);
    }
    while (!this.#isOver && this.#queue.size > 0) await this.#write(this.#next(), undefined);
  }

  async #lastSecond(signal: AbortSignal, finished: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      onAbort(signal, resolve);
    });
    await delay(this.#options.clock, lastWritesMs, finished);
  }

  #nextReport(signal: AbortSignal): Promise<void> {
    if (this.#queue.size > 0) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wake = undefined;
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  async #whenPaused(signal: AbortSignal): Promise<void> {
    for (let waitedMs = 0; waitedMs < maxWaitMs && !signal.aborted; waitedMs += pauseMs) {
      const before = this.#reports;
      await delay(this.#options.clock, pauseMs, signal);
      if (this.#reports === before) return;
    }
  }

  /** Those that have waited longest. */
  #next(): readonly Queued[] {
    const next: Queued[] = [];
    for (const queued of this.#queue.values()) {
      if (next.length >= maxPerRequest) break;
      this.#queue.delete(queued.key);
      next.push(queued);
    }
    return next;
  }

  /** What was told lately is counted on its first event; that of which the event is gone is told anew with the rest. */
  async #write(batch: readonly Queued[], signal: AbortSignal | undefined): Promise<void> {
    const isTold = await this.#writer.each(batch, (queued) => this.#raiseCount(queued, signal));
    const untold = batch.filter((_, at) => isTold[at] !== true);
    if (untold.length === 0) return;
    const made = untold.map((queued) => this.#toEvent(queued));
    const refusals = await this.#persist(untold[0], () => this.#writer.create(made), signal);
    if (refusals === undefined) return;
    for (const [at, queued] of untold.entries()) {
      const { metadata } = made[at] as NewEvent;
      const refusal = refusals[at];
      if (refusal === undefined)
        this.#remember(queued, { ...metadata, lastMs: queued.lastMs, count: queued.count });
      else this.#options.logger.debug({ reason: queued.told.reason, refusal }, 'event refused');
    }
  }

  /** @returns false where it has to be told by an event of its own */
  async #raiseCount(queued: Queued, signal: AbortSignal | undefined): Promise<boolean> {
    const known = this.#remembered.get(queued.key);
    if (known === undefined || queued.lastMs - known.lastMs >= aggregateForMs) return false;
    const count = known.count + queued.count;
    const body = { count, lastTimestamp: toTime(queued.lastMs) };
    const raise = async (): Promise<boolean> => {
      try {
        await this.#options.client.patch(events, known, { type: 'merge', body });
        return true;
      } catch (error) {
        if (isNotFound(error)) return false;
        throw error;
      }
    };
    const isRaised = await this.#persist(queued, raise, signal);
    if (isRaised === true) this.#remember(queued, { ...known, lastMs: queued.lastMs, count });
    return isRaised !== false;
  }

  /** A refusal is final, e.g. the namespace is being deleted. No answer, or of a server that has too much to do, is not. */
  async #persist<T>(
    queued: Queued | undefined,
    write: () => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T | undefined> {
    const { clock, random, logger } = this.#options;
    for (let tries = 0; tries < maxTries; tries += 1) {
      try {
        return await write();
      } catch (error) {
        logger.debug({ err: error, reason: queued?.told.reason }, 'record event');
        if (!isPassing(error)) return undefined;
        await delay(clock, backoffMs(retryBackoff, tries, random), signal);
      }
    }
    return undefined;
  }

  #remember(queued: Queued, remembered: Remembered): void {
    this.#remembered.delete(queued.key);
    this.#remembered.set(queued.key, remembered);
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= maxRemembered) return;
      this.#remembered.delete(oldest);
    }
  }

  #toEvent({ about, told, firstMs, lastMs, count }: Queued): NewEvent {
    const { component, host, random } = this.#options;
    const { type, reason, message, action } = told;
    const suffix = `${firstMs.toString(16)}${randomSuffix(random)}`;
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${about.name}.${suffix}`, namespace: about.namespace ?? 'default' },
      involvedObject: about,
      reason,
      message: message.slice(0, maxMessageCharacters),
      type,
      action,
      count,
      firstTimestamp: toTime(firstMs),
      lastTimestamp: toTime(lastMs),
      source: { component, host },
      reportingComponent: component,
      reportingInstance: host ?? '',
    };
  }
}

function referenceTo(
  { apiVersion, kind, metadata }: ApiObject,
  fieldPath: string | undefined,
): ObjectReference {
  const { namespace, name, uid, resourceVersion } = metadata;
  return { apiVersion, kind, namespace, name, uid, resourceVersion, fieldPath };
}
