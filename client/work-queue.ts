/**
 * Keys to reconcile. A key waits in the queue once, however often it is added; one that is added while a worker
 * has it comes back when the worker says `done`, so that no two workers hold the same key and no change is lost.
 */
import { type BackoffPolicy, backoffMs } from '../base/backoff.ts';
import type { Clock, Timer } from '../base/clock.ts';
import type { Random } from '../base/random.ts';

const defaultBackoff: BackoffPolicy = { initialMs: 5, maxMs: 30_000, factor: 2, jitter: 0.1 };

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Of `addRateLimited`; default 5 ms doubling to 30 s. */
  readonly backoff?: BackoffPolicy | undefined;
}

export class WorkQueue<K> {
  readonly #options: WorkQueueOptions;
  /** Insertion order is the order of service. */
  readonly #queued = new Set<K>();
  readonly #inWork = new Set<K>();
  readonly #again = new Set<K>();
  readonly #delayed = new Map<K, { readonly atMs: number; readonly timer: Timer }>();
  readonly #failures = new Map<K, number>();
  readonly #takers = new Set<() => void>();

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Keys that are ready and wait for a worker. */
  get length(): number {
    return this.#queued.size;
  }

  add(key: K): void {
    if (this.#inWork.has(key)) {
      this.#again.add(key);
      return;
    }
    if (this.#queued.has(key)) return;
    this.#queued.add(key);
    this.#wakeOne();
  }

  /** Adds `key` after `delayMs`; of several delays for a key the earliest counts. */
  addAfter(key: K, delayMs: number): void {
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const atMs = this.#options.clock.monotonicMs() + delayMs;
    const pending = this.#delayed.get(key);
    if (pending !== undefined && pending.atMs <= atMs) return;
    pending?.timer.cancel();
    const timer = this.#options.clock.setTimer(
      delayMs,
      () => {
        this.#delayed.delete(key);
        this.add(key);
      },
      { unref: true },
    );
    this.#delayed.set(key, { atMs, timer });
  }

  /** Adds `key` after a back-off that grows with each call until `forget`. */
  addRateLimited(key: K): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const policy = this.#options.backoff ?? defaultBackoff;
    this.addAfter(key, backoffMs(policy, failures, this.#options.random));
  }

  /** How often `key` was added rate-limited since it was last forgotten. */
  retries(key: K): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The key's work succeeded: its next back-off starts small. Does not remove it from the queue. */
  forget(key: K): void {
    this.#failures.delete(key);
  }

  /** The next key, which the caller must give back by `done`. Resolves with undefined when `signal` aborts. */
  async get(signal: AbortSignal): Promise<K | undefined> {
    while (!signal.aborted) {
      for (const key of this.#queued) {
        this.#queued.delete(key);
        this.#inWork.add(key);
        return key;
      }
      await this.#waitForKey(signal);
    }
    return undefined;
  }

  done(key: K): void {
    this.#inWork.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  #waitForKey(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#takers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#takers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  #wakeOne(): void {
    const [wake] = this.#takers;
    wake?.();
  }
}
