/**
 * Keeps a sink equal to a collection on the server: initial state, then every change, in order.
 *
 * The start is a watch that begins with the objects that exist (WatchList); a server that refuses that is listed
 * and then watched. A stream that ends is resumed after the last resourceVersion seen, bookmarks included; when
 * that is too old (410) everything is read anew and handed over as one replacement, so that what disappeared
 * meanwhile is noticed.
 *
 * INVARIANTS: the sink sees every object's versions in order; a replacement is a whole consistent state.
 */

import type { ApiObject, ResourceType } from '../api/kind-info.ts';
import { isExpired, isInvalid, StatusError } from '../api/status-error.ts';
import { type BackoffPolicy, backoffMs } from '../base/backoff.ts';
import { type Clock, delay } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { ApiClient, OwnChanges, Selection, WatchEvent } from './client.ts';

/** Set on the bookmark that ends the initial events. @see KEP-3157 */
const initialEventsEnd = 'k8s.io/initial-events-end';
const backoff: BackoffPolicy = { initialMs: 20, maxMs: 2_000, factor: 2, jitter: 0.5 };
/** A stream that lasted this long was a good one: the next back-off starts small again. */
const healthyAfterMs = 5_000;
/** Streams are renewed after 5 to 10 minutes, so that they spread over the servers again. */
const minWatchSeconds = 300;
const listPageSize = 500;

export interface ReflectorSink<T> {
  /** The whole state as of `resourceVersion`. */
  replace(objects: readonly T[], resourceVersion: string): void;
  /** Added or changed. */
  upsert(object: T): void;
  /** Gone; `object` is its last state. */
  remove(object: T): void;
}

export interface ReflectorOptions<T extends ApiObject> {
  readonly client: Pick<ApiClient, 'list' | 'watch'>;
  readonly type: ResourceType<T>;
  readonly selection: Selection;
  readonly sink: ReflectorSink<T>;
  /** What is kept of an object, asked as it arrives; all of it unless given. */
  readonly keep?: (object: T) => T;
  /** What the sink knows already. */
  readonly own?: OwnChanges | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export class Reflector<T extends ApiObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #keep: (object: T) => T;
  #resourceVersion: string | undefined;
  #watchListRefused = false;
  #attempt = 0;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#keep = options.keep ?? ((object) => object);
  }

  /** Up to which version the sink has seen everything; undefined before the first replacement. */
  get resourceVersion(): string | undefined {
    return this.#resourceVersion;
  }

  /** Runs until `signal` aborts. Failures are retried with back-off, for ever. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    while (!signal.aborted) {
      const startedMs = clock.monotonicMs();
      const ended = await this.#once(signal);
      if (signal.aborted) return;
      if (clock.monotonicMs() - startedMs >= healthyAfterMs) this.#attempt = 0;
      if (ended === 'again') continue;
      await delay(clock, backoffMs(backoff, this.#attempt, random), signal);
      this.#attempt += 1;
    }
  }

  async #once(signal: AbortSignal): Promise<'again' | 'later'> {
    try {
      if (this.#resourceVersion !== undefined) await this.#follow(this.#resourceVersion, signal);
      else if (this.#watchListRefused) await this.#list(signal);
      else await this.#startWithInitialEvents(signal);
      // A list is followed by its watch at once; so is a stream that brought something.
      return this.#attempt === 0 ? 'again' : 'later';
    } catch (error) {
      return this.#recover(error);
    }
  }

  #recover(error: unknown): 'again' | 'later' {
    const { logger, type } = this.#options;
    if (isExpired(error) && this.#resourceVersion !== undefined) {
      logger.info({ kind: type.kind, resourceVersion: this.#resourceVersion }, 'watch expired, read anew');
      this.#resourceVersion = undefined;
      return this.#attempt === 0 ? 'again' : 'later';
    }
    if (this.#resourceVersion === undefined && !this.#watchListRefused && isRefusal(error)) {
      this.#watchListRefused = true;
      return 'again';
    }
    const level = this.#attempt < 3 ? 'debug' : 'warn';
    logger[level]({ err: error, kind: type.kind }, 'watch broke, try again');
    return 'later';
  }

  async #startWithInitialEvents(signal: AbortSignal): Promise<void> {
    const initial = new Map<string, T>();
    let synced = false;
    const request = { sendInitialEvents: true, allowWatchBookmarks: true };
    for await (const event of this.#watch(request, signal)) {
      if (synced) this.#apply(event);
      else if (event.type === 'DELETED') initial.delete(event.object.metadata.uid);
      else if (event.type !== 'BOOKMARK') initial.set(event.object.metadata.uid, this.#keep(event.object));
      else if (event.object.metadata.annotations?.[initialEventsEnd] === 'true') {
        synced = true;
        this.#replace([...initial.values()], event.object.metadata.resourceVersion);
        initial.clear();
      }
    }
    if (!synced && !signal.aborted) this.#attempt = Math.max(this.#attempt, 1);
  }

  async #follow(resourceVersion: string, signal: AbortSignal): Promise<void> {
    let events = 0;
    for await (const event of this.#watch({ resourceVersion, allowWatchBookmarks: true }, signal)) {
      events += 1;
      this.#apply(event);
    }
    // A server that closes every stream at once must not be asked in a tight loop.
    if (events === 0) this.#attempt = Math.max(this.#attempt, 1);
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, type, selection } = this.#options;
    const objects: T[] = [];
    let page = await client.list(type, { ...selection, limit: listPageSize });
    objects.push(...page.items.map(this.#keep));
    while (page.continue !== undefined && !signal.aborted) {
      page = await client.list(type, { ...selection, limit: listPageSize, continue: page.continue });
      objects.push(...page.items.map(this.#keep));
    }
    if (!signal.aborted) this.#replace(objects, page.resourceVersion);
  }

  #watch(request: object, signal: AbortSignal): AsyncIterable<WatchEvent<T>> {
    const { client, type, selection, random, own } = this.#options;
    const timeoutSeconds = Math.round(minWatchSeconds * (1 + random.next()));
    return client.watch(type, { ...selection, ...request, timeoutSeconds, own }, signal);
  }

  #replace(objects: readonly T[], resourceVersion: string): void {
    this.#options.sink.replace(objects, resourceVersion);
    this.#resourceVersion = resourceVersion;
    this.#attempt = 0;
  }

  #apply(event: WatchEvent<T>): void {
    const { sink } = this.#options;
    if (event.type === 'DELETED') sink.remove(this.#keep(event.object));
    else if (event.type !== 'BOOKMARK') sink.upsert(this.#keep(event.object));
    this.#resourceVersion = event.object.metadata.resourceVersion;
    this.#attempt = 0;
  }
}

/** The server does not know initial events (Invalid or BadRequest), as opposed to being away. */
const isRefusal = (error: unknown): boolean =>
  isInvalid(error) || (error instanceof StatusError && error.code === 400);
