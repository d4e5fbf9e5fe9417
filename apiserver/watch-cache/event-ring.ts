import type { IndexedObject } from './cached-object.ts';

/** One change of one object. `object` is undefined when it was deleted, `previous` when it was created. */
export interface CacheEvent {
  readonly key: string;
  readonly version: number;
  readonly object: IndexedObject | undefined;
  readonly previous: IndexedObject | undefined;
}

/** What is kept of the past, per resource. */
export interface RingLimits {
  readonly events: number;
  readonly ageMs: number;
}

/**
 * The latest changes of one resource, for watches that resume and for lists that continue.
 *
 * INVARIANT: every change with a version above `floor` is here, in order.
 */
export class EventRing {
  readonly #limits: RingLimits;
  #events: CacheEvent[] = [];
  #times: number[] = [];
  #head = 0;
  #floor: number;

  constructor(limits: RingLimits, floor: number) {
    this.#limits = limits;
    this.#floor = floor;
  }

  /** Changes up to this version are forgotten. */
  get floor(): number {
    return this.#floor;
  }

  /** The last change's version; the floor when none is kept. */
  get latest(): number {
    return this.#events.at(-1)?.version ?? this.#floor;
  }

  get length(): number {
    return this.#events.length - this.#head;
  }

  push(event: CacheEvent, nowMs: number): void {
    this.#events.push(event);
    this.#times.push(nowMs);
    this.trim(nowMs);
  }

  /** Forgets what is too much or too old. */
  trim(nowMs: number): void {
    const oldest = nowMs - this.#limits.ageMs;
    while (
      this.length > this.#limits.events ||
      (this.length > 0 && (this.#times[this.#head] ?? 0) < oldest)
    ) {
      this.#floor = (this.#events[this.#head] as CacheEvent).version;
      this.#head += 1;
    }
    if (this.#head > 1_024 && this.#head > this.#events.length / 2) {
      this.#events = this.#events.slice(this.#head);
      this.#times = this.#times.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Up to `limit` events with versions above `version`, which must not be below `floor`. */
  after(version: number, limit: number = Number.POSITIVE_INFINITY): CacheEvent[] {
    const start = this.#firstAfter(version);
    return this.#events.slice(start, Math.min(this.#events.length, start + limit));
  }

  #firstAfter(version: number): number {
    let low = this.#head;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle] as CacheEvent).version <= version) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
