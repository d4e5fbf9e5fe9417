import { expired, isExpired } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { OnSent } from './cohort.ts';
import { EventFrames } from './frame.ts';
import type { CacheWatchRequest } from './read-cache.ts';
import type { ResourceCache } from './resource-cache.ts';
import type { SinkBuffer } from './sink-buffer.ts';

/** Objects or events per slice: with encoding about 2 ms. */
const perSlice = 250;

/** How a catch-up ended: `current` had no event yet, `started` had some, `expired` fell behind what is kept. */
export type CatchUpOutcome = 'current' | 'started' | 'expired';

/**
 * Brings one watcher from its start to now, in slices and at its receiver's pace: first the state at the start, if it
 * wants that, then the events since.
 *
 * INVARIANT: `onDone` is called in the same turn in which nothing more was found, so no event falls between.
 */
export class CatchUp {
  readonly #request: CacheWatchRequest;
  readonly #buffer: SinkBuffer;
  readonly #resource: ResourceCache;
  readonly #clock: Clock;
  readonly #onDone: (outcome: CatchUpOutcome) => void;
  readonly #onSent: OnSent | undefined;
  #version: number;
  #sentEvent = false;

  constructor(options: {
    readonly request: CacheWatchRequest;
    readonly buffer: SinkBuffer;
    readonly resource: ResourceCache;
    readonly clock: Clock;
    /** Where the watch starts: the version of the state, or the last version that the watcher has seen. */
    readonly start: number;
    readonly onSent?: OnSent | undefined;
    readonly onDone: (outcome: CatchUpOutcome) => void;
  }) {
    this.#request = options.request;
    this.#buffer = options.buffer;
    this.#resource = options.resource;
    this.#clock = options.clock;
    this.#version = options.start;
    this.#onDone = options.onDone;
    this.#onSent = options.onSent;
  }

  async run(withState: boolean): Promise<void> {
    try {
      if (withState && !(await this.#sendState())) return;
      while (this.#sendEvents()) if (!(await this.#pause())) return;
      this.#onDone(this.#sentEvent ? 'started' : 'current');
    } catch (error) {
      if (!isExpired(error)) throw error;
      this.#onDone('expired');
    }
  }

  /** @returns false when the watcher is gone. */
  async #sendState(): Promise<boolean> {
    const { encoding, sendInitialEvents, resource, namespace, name, labels, fields } = this.#request;
    const atVersion = this.#version;
    let after: string | undefined;
    do {
      const query = { resource, namespace, name, labels, fields, after, limit: perSlice, atVersion };
      const page = this.#resource.list(query, atVersion);
      this.#send(page.objects.map((object) => encoding.encode('ADDED', object, this.#takeFirst())));
      after = page.next;
      if (after !== undefined && !(await this.#pause())) return false;
    } while (after !== undefined);
    if (sendInitialEvents) this.#send([encoding.bookmark(atVersion, true)]);
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
    if (frames.length === 0) return;
    for (const { length } of frames) this.#onSent?.(this.#request.resource, length, 1);
    this.#buffer.write(Buffer.concat(frames));
  }

  /** Lets others run and the receiver take what it has. @returns false when the watcher is gone. */
  async #pause(): Promise<boolean> {
    await new Promise<void>((resolve) => this.#clock.setImmediate(resolve));
    await this.#buffer.whenWritable();
    return !this.#buffer.ended;
  }
}
