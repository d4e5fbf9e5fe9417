import { expired, isExpired } from '../../api/status-error.ts';
import type { OnSent } from './cohort.ts';
import { EventFrames } from './frame.ts';
import type { CacheWatchRequest } from './read-cache.ts';
import type { ResourceCache } from './resource-cache.ts';
import { isUnfiltered } from './selection.ts';
import type { SinkBuffer } from './sink-buffer.ts';
import type { TurnQueue } from './turn-queue.ts';

/** Objects or events per slice: with encoding a millisecond at most. */
const perSlice = 100;

/** How a catch-up ended: `current` had no event yet, `started` had some, `expired` fell behind what is kept. */
export type CatchUpOutcome = 'current' | 'started' | 'expired';

/**
 * Brings one watcher from its start to now, in slices that take turns with all other watchers' and at its receiver's
 * pace: first the state at the start, if it wants that, then the events since.
 *
 * INVARIANT: `onDone` is called in the same slice in which nothing more was found, so no event falls between.
 */
export class CatchUp {
  readonly #request: CacheWatchRequest;
  readonly #buffer: SinkBuffer;
  readonly #resource: ResourceCache;
  readonly #turns: TurnQueue;
  readonly #onDone: (outcome: CatchUpOutcome) => void;
  readonly #onFault: (error: unknown) => void;
  readonly #onSent: OnSent | undefined;
  /** The present version, when the whole state is at hand for all who ask. */
  readonly #sharedNow: (() => number) | undefined;
  #version: number;
  #sentEvent = false;
  /** Of the state, what has been sent; undefined at its begin. */
  #after: string | undefined;
  #owesState: boolean;

  constructor(options: {
    readonly request: CacheWatchRequest;
    readonly buffer: SinkBuffer;
    readonly resource: ResourceCache;
    readonly turns: TurnQueue;
    /** Where the watch starts: the version of the state, or the last version that the watcher has seen. */
    readonly start: number;
    readonly withState: boolean;
    /** For a resource whose whole state is kept joined: the version that it has now. */
    readonly sharedNow?: (() => number) | undefined;
    readonly onSent?: OnSent | undefined;
    readonly onDone: (outcome: CatchUpOutcome) => void;
    readonly onFault: (error: unknown) => void;
  }) {
    this.#request = options.request;
    this.#buffer = options.buffer;
    this.#resource = options.resource;
    this.#turns = options.turns;
    this.#version = options.start;
    this.#owesState = options.withState;
    this.#onDone = options.onDone;
    this.#onFault = options.onFault;
    this.#onSent = options.onSent;
    this.#sharedNow = options.sharedNow;
  }

  start(): void {
    this.#turns.add(() => this.#step());
  }

  #step(): void {
    if (this.#buffer.ended) return;
    try {
      if (this.#owesState) this.#sendState();
      if (!this.#owesState && !this.#sendEvents()) {
        this.#onDone(this.#sentEvent ? 'started' : 'current');
        return;
      }
    } catch (error) {
      if (isExpired(error)) this.#onDone('expired');
      else this.#onFault(error);
      return;
    }
    this.#buffer.whenWritable(() => this.start());
  }

  /** One slice of it. */
  #sendState(): void {
    if (this.#after === undefined && this.#sendShared()) return;
    const { encoding, sendInitialEvents, resource, namespace, name, labels, fields } = this.#request;
    const atVersion = this.#version;
    const query = { resource, namespace, name, labels, fields, after: this.#after, limit: perSlice };
    const page = this.#resource.list({ ...query, atVersion }, atVersion);
    this.#send(page.objects.map((object) => encoding.encode('ADDED', object, this.#takeFirst())));
    this.#after = page.next;
    if (page.next !== undefined) return;
    this.#owesState = false;
    if (sendInitialEvents) this.#send([encoding.bookmark(atVersion, true)]);
  }

  /** The present state in one piece, if that is kept. @returns whether it is */
  #sendShared(): boolean {
    const { encoding, resource, sendInitialEvents, name } = this.#request;
    if (this.#sharedNow === undefined || name !== undefined || !isUnfiltered(this.#request)) return false;
    const state = this.#resource.state(encoding);
    if (state === undefined) return false;
    this.#version = this.#sharedNow();
    this.#owesState = false;
    const bookmark = sendInitialEvents ? encoding.bookmark(this.#version, true) : undefined;
    const { all, count } = state;
    if (count > 0) {
      this.#sentEvent = true;
      this.#onSent?.(resource, all.length / count, count);
      this.#buffer.write(all);
    }
    if (bookmark !== undefined) this.#send([bookmark]);
    return true;
  }

  /** @returns whether there may be more. */
  #sendEvents(): boolean {
    const { ring } = this.#resource;
    if (this.#version < ring.floor)
      throw expired(`too old resource version: ${this.#version} (${ring.floor})`);
    const events = ring.after(this.#version, perSlice);
    const frames: Buffer[] = [];
    for (const event of events) {
      const frame = new EventFrames(event).frameFor(this.#request, this.#request.encoding, !this.#sentEvent);
      if (frame === undefined) continue;
      frames.push(frame);
      this.#sentEvent = true;
    }
    this.#version = events.at(-1)?.version ?? this.#version;
    this.#send(frames);
    return events.length === perSlice;
  }

  #takeFirst(): boolean {
    const first = !this.#sentEvent;
    this.#sentEvent = true;
    return first;
  }

  #send(frames: readonly Buffer[]): void {
    const [only, ...more] = frames;
    if (only === undefined) return;
    for (const { length } of frames) this.#onSent?.(this.#request.resource, length, 1);
    this.#buffer.write(more.length === 0 ? only : Buffer.concat(frames));
  }
}
