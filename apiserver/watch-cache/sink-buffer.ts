import type { Cohort } from './cohort.ts';
import type { CacheWatch, WatchSink } from './read-cache.ts';

/** Bytes that may wait for one watcher. They are shared with its cohort, so waiting costs references, not copies. */
export const watcherBufferBytes: number = 8 * 1024 * 1024;

/** Who keeps the watchers. */
export interface SinkOwner {
  readonly bufferBytes: number;
  ended(watcher: SinkBuffer): void;
}

/**
 * One watcher: what waits for it while its receiver pauses. A receiver that lets too much gather is ended. There are
 * tens of thousands of these, most of them idle, so it holds nothing before it is needed.
 *
 * INVARIANT: after `end` nothing is written.
 */
export class SinkBuffer implements CacheWatch {
  readonly #sink: WatchSink;
  readonly #owner: SinkOwner;
  #waiting: Buffer[] | undefined;
  #waitingBytes = 0;
  #blocked = false;
  #wasBlocked = false;
  #ended = false;
  #onWritable: (() => void) | undefined;
  /** Once it has caught up. */
  cohort: Cohort | undefined;

  constructor(sink: WatchSink, owner: SinkOwner) {
    this.#sink = sink;
    this.#owner = owner;
    this.cohort = undefined;
  }

  get ended(): boolean {
    return this.#ended;
  }

  write(frames: Buffer): void {
    if (this.#ended || frames.length === 0) return;
    if (!this.#blocked) {
      this.#pass(frames);
      return;
    }
    this.#waiting ??= [];
    this.#waiting.push(frames);
    this.#waitingBytes += frames.length;
    if (this.#waitingBytes > this.#owner.bufferBytes) this.#cutOff();
  }

  /** Called from time to time: a receiver that has taken nothing since the last time is cut off. */
  look(): void {
    if (this.#blocked && this.#wasBlocked) this.#cutOff();
    this.#wasBlocked = this.#blocked;
  }

  /** Calls back once, at once if nothing waits; never when the watch has ended. */
  whenWritable(resume: () => void): void {
    if (this.#ended) return;
    if (this.#blocked) this.#onWritable = resume;
    else resume();
  }

  /** The cache ends the watch; `last` goes out if the receiver takes it. */
  end(last?: Buffer): void {
    if (this.#ended) return;
    if (last !== undefined && !this.#blocked) this.#sink.write(last);
    this.stop();
    this.#sink.end(false);
  }

  /** The receiver is gone: nothing more is said to it. */
  stop(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting = undefined;
    this.#onWritable = undefined;
    this.#owner.ended(this);
  }

  #cutOff(): void {
    this.stop();
    this.#sink.end(true);
  }

  #pass(frames: Buffer): void {
    if (this.#sink.write(frames)) return;
    this.#blocked = true;
    this.#sink.onDrain(() => this.#resume());
  }

  #resume(): void {
    if (this.#ended || !this.#blocked) return;
    this.#blocked = false;
    this.#wasBlocked = false;
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    this.#waitingBytes = 0;
    if (waiting.length > 0)
      this.#pass(waiting.length === 1 ? (waiting[0] as Buffer) : Buffer.concat(waiting));
    if (this.#blocked) return;
    const wake = this.#onWritable;
    this.#onWritable = undefined;
    wake?.();
  }
}
