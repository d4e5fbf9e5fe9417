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
  /** Of what is held for them alone. */
  readonly bytes?: number;
}

/** A hundred objects of the largest size, or 100,000 changes of objects of a few hundred bytes. */
const defaultBytes = 128 * 1024 * 1024;
/** What an event takes beside the bytes of the object as it was before: the event, that object's index entry. */
const bytesPerEvent = 1_000;

const bytesOf = ({ previous }: CacheEvent): number => bytesPerEvent + (previous?.json.length ?? 0);

/**
 * The latest changes of one resource, for watches that resume and for lists that continue.
 *
 * What an object is now is held by others, so an event costs what the object was before.
 *
 * INVARIANT: every change with a version above `floor` is here, in order.
 */
export class EventRing {
  readonly #limits: RingLimits;
  /** Those before the head are forgotten, and undefined. */
  #events: (CacheEvent | undefined)[] = [];
  #times: number[] = [];
  #head = 0;
  #bytes = 0;
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
    this.#bytes += bytesOf(event);
    this.trim(nowMs);
  }

  /** Forgets what is too much or too old. */
  trim(nowMs: number): void {
    const oldest = nowMs - this.#limits.ageMs;
    while (this.length > 0 && (this.#isFull || (this.#times[this.#head] ?? 0) < oldest)) {
      const forgotten = this.#events[this.#head] as CacheEvent;
      this.#floor = forgotten.version;
      this.#bytes -= bytesOf(forgotten);
      this.#events[this.#head] = undefined;
      this.#head += 1;
    }
    if (this.#head > 1_024 && this.#head > this.#events.length / 2) {
      this.#events = this.#events.slice(this.#head);
      this.#times = this.#times.slice(this.#head);
      this.#head = 0;
    }
  }

  get #isFull(): boolean {
    const { events, bytes = defaultBytes } = this.#limits;
    return this.length > events || this.#bytes > bytes;
  }

  /** Up to `limit` events with versions above `version`, which must not be below `floor`. */
  after(version: number, limit: number = Number.POSITIVE_INFINITY): CacheEvent[] {
    const start = this.#firstAfter(version);
    return this.#events.slice(start, Math.min(this.#events.length, start + limit)) as CacheEvent[];
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
