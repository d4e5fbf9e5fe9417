/**
 * Reports what happened to an object as a core/v1 Event, as `kubectl describe` shows them. The same thing happening
 * again within minutes raises the count of the first event instead of adding another.
 *
 * Reporting never blocks and never fails its caller: the queue is bounded, an object that reports too much is cut
 * short, and what the server refuses is dropped.
 */

import type { Event, ObjectReference } from '../api/generated/core-v1.ts';
import { events } from '../api/generated/resources.ts';
import type { ApiObject } from '../api/kind-info.ts';
import { isNotFound } from '../api/status-error.ts';
import { onAbort } from '../base/abort.ts';
import { type BackoffPolicy, backoffMs } from '../base/backoff.ts';
import { type Clock, delay, toTime } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { type Random, randomSuffix } from '../base/random.ts';
import type { ApiClient } from './client.ts';
import { EventRateLimit } from './event-rate-limit.ts';
import { isTransportError } from './transport-error.ts';

const maxQueued = 2_000;
const maxInFlight = 8;
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
  readonly client: Pick<ApiClient, 'create' | 'patch'>;
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
  readonly report: EventReport;
  readonly atMs: number;
}

export class EventRecorder implements EventSink {
  readonly #options: EventRecorderOptions;
  readonly #queue: Queued[] = [];
  readonly #remembered = new Map<string, Remembered>();
  readonly #rateLimit: EventRateLimit;
  /** Keys being written: a repetition waits, so that it finds the first event's name. */
  readonly #writing = new Map<string, Promise<void>>();
  #wake: (() => void) | undefined;
  #isOver = false;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#rateLimit = new EventRateLimit(options.clock);
  }

  event(report: EventReport): void {
    const { logger, clock } = this.#options;
    if (!this.#rateLimit.admits(report.object.metadata.uid)) return;
    if (this.#queue.length >= maxQueued) {
      logger.debug({ reason: report.reason }, 'event queue is full, event dropped');
      return;
    }
    const { object, type, reason, message, fieldPath } = report;
    const key = JSON.stringify([object.metadata.uid, type, reason, message, fieldPath]);
    this.#queue.push({ key, report, atMs: report.atMs ?? clock.nowMs() });
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
      await this.#writeQueued(signal);
      if (!signal.aborted) await this.#nextReport(signal);
    }
    await this.#writeQueued(undefined);
  }

  async #lastSecond(signal: AbortSignal, finished: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      onAbort(signal, resolve);
    });
    await delay(this.#options.clock, lastWritesMs, finished);
  }

  async #writeQueued(signal: AbortSignal | undefined): Promise<void> {
    while (!this.#isOver && (this.#queue.length > 0 || this.#writing.size > 0)) {
      const next = this.#queue.find((queued) => !this.#writing.has(queued.key));
      if (next === undefined || this.#writing.size >= maxInFlight) {
        await Promise.race(this.#writing.values());
        continue;
      }
      this.#queue.splice(this.#queue.indexOf(next), 1);
      const writing = this.#write(next, signal).finally(() => this.#writing.delete(next.key));
      this.#writing.set(next.key, writing);
    }
  }

  #nextReport(signal: AbortSignal): Promise<void> {
    if (this.#queue.length > 0) return Promise.resolve();
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

  async #write(queued: Queued, signal: AbortSignal | undefined): Promise<void> {
    const { clock, random, logger } = this.#options;
    for (let tries = 0; tries < maxTries; tries += 1) {
      try {
        return await this.#record(queued);
      } catch (error) {
        logger.debug({ err: error, reason: queued.report.reason }, 'record event');
        // The server's refusal is final, e.g. the namespace is being deleted. No answer may be tried again.
        if (!isTransportError(error)) return;
        await delay(clock, backoffMs(retryBackoff, tries, random), signal);
      }
    }
  }

  async #record(queued: Queued): Promise<void> {
    const known = this.#remembered.get(queued.key);
    if (known !== undefined && queued.atMs - known.lastMs < aggregateForMs) {
      if (await this.#raiseCount(queued, known)) return;
    }
    const event = this.#toEvent(queued);
    await this.#options.client.create(events, event);
    this.#remember(queued, { ...event.metadata, lastMs: queued.atMs, count: 1 });
  }

  /** @returns false when the first event is gone by now. */
  async #raiseCount(queued: Queued, known: Remembered): Promise<boolean> {
    const count = known.count + 1;
    const body = { count, lastTimestamp: toTime(queued.atMs) };
    try {
      await this.#options.client.patch(events, known, { type: 'merge', body });
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
    this.#remember(queued, { ...known, lastMs: queued.atMs, count });
    return true;
  }

  #remember(queued: Queued, remembered: Remembered): void {
    this.#remembered.delete(queued.key);
    this.#remembered.set(queued.key, remembered);
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= maxRemembered) return;
      this.#remembered.delete(oldest);
    }
  }

  #toEvent(queued: Queued): NewEvent {
    const { component, host, random } = this.#options;
    const { report } = queued;
    const { name, namespace } = report.object.metadata;
    const time = toTime(queued.atMs);
    const suffix = `${queued.atMs.toString(16)}${randomSuffix(random)}`;
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}.${suffix}`, namespace: namespace ?? 'default' },
      involvedObject: referenceTo(report),
      reason: report.reason,
      message: report.message.slice(0, maxMessageCharacters),
      type: report.type,
      action: report.action,
      count: 1,
      firstTimestamp: time,
      lastTimestamp: time,
      source: { component, host },
      reportingComponent: component,
      reportingInstance: host ?? '',
    };
  }
}

type NewEvent = Omit<Event, 'metadata'> & { metadata: { name: string; namespace: string } };

function referenceTo(report: EventReport): ObjectReference {
  const { apiVersion, kind, metadata } = report.object;
  const { namespace, name, uid, resourceVersion } = metadata;
  return { apiVersion, kind, namespace, name, uid, resourceVersion, fieldPath: report.fieldPath };
}
