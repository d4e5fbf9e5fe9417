import type { WatchSink } from './read-cache.ts';

/** Bytes that may wait for one watcher. They are shared with its cohort, so waiting costs references, not copies. */
export const watcherBufferBytes: number = 8 * 1024 * 1024;

/**
 * What waits for one watcher while its receiver pauses. A receiver that lets too much gather is ended.
 *
 * INVARIANT: after `end` nothing is written.
 */
export class SinkBuffer {
  readonly #sink: WatchSink;
  readonly #limit: number;
  readonly #onEnd: () => void;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #blocked = false;
  #ended = false;
  #onWritable: (() => void) | undefined;

  constructor(sink: WatchSink, options: { readonly limit: number; readonly onEnd: () => void }) {
    this.#sink = sink;
    this.#limit = options.limit;
    this.#onEnd = options.onEnd;
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
    this.#waiting.push(frames);
    this.#waitingBytes += frames.length;
    if (this.#waitingBytes > this.#limit) this.end();
  }

  /** Resolves when nothing waits, or the watch has ended. */
  whenWritable(): Promise<void> {
    if (this.#ended || !this.#blocked) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onWritable = resolve;
    });
  }

  /** The cache ends the watch; `last` goes out if the receiver takes it. */
  end(last?: Buffer): void {
    if (this.#ended) return;
    if (last !== undefined && !this.#blocked) this.#sink.write(last);
    this.stop();
    this.#sink.end();
  }

  /** The receiver is gone: nothing more is said to it. */
  stop(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting = [];
    this.#onEnd();
    this.#wake();
  }

  #pass(frames: Buffer): void {
    if (this.#sink.write(frames)) return;
    this.#blocked = true;
    this.#sink.onDrain(() => this.#resume());
  }

  #resume(): void {
    if (this.#ended || !this.#blocked) return;
    this.#blocked = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (waiting.length > 0)
      this.#pass(waiting.length === 1 ? (waiting[0] as Buffer) : Buffer.concat(waiting));
    if (!this.#blocked) this.#wake();
  }

  #wake(): void {
    const wake = this.#onWritable;
    this.#onWritable = undefined;
    wake?.();
  }
}
