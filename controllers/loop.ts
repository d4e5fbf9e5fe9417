import { isConflict, isNotFound } from '../api/status-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { WorkQueue } from '../client/work-queue.ts';

/** A control loop for as long as this process leads. */
export interface ControlLoop {
  run(signal: AbortSignal): Promise<void>;
}

/** A copy of a collection that must be whole before the first reconciliation. */
interface Synced {
  whenSynced(signal: AbortSignal): Promise<void>;
}

export interface SyncResult {
  /** Look at the key again after this time, also when nothing happens. */
  readonly requeueAfterMs?: number | undefined;
}

/** The object cannot be reconciled however often it is tried; the loop waits for it to change. */
export class TerminalError extends Error {
  readonly code = 'TERMINAL';
}

export interface ReconcileLoopOptions {
  readonly name: string;
  /** Keys reconciled at the same time at most. */
  readonly workers: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly needs: readonly Synced[];
  /** Brings one object to what it should be, from the caches alone. Rejection means "again, later". */
  readonly sync: (key: string, signal: AbortSignal) => Promise<SyncResult | undefined>;
}

/**
 * The shared loop: keys in, reconciliations out. Event handlers only enqueue; `sync` reads the caches, decides, writes.
 *
 * INVARIANTS: no two workers hold one key; a key enqueued during its own reconciliation is reconciled again.
 */
export class ReconcileLoop implements ControlLoop {
  readonly #options: ReconcileLoopOptions;
  readonly #queue: WorkQueue<string>;

  constructor(options: ReconcileLoopOptions) {
    this.#options = options;
    this.#queue = new WorkQueue(options);
  }

  enqueue(key: string): void {
    this.#queue.add(key);
  }

  enqueueAfter(key: string, delayMs: number): void {
    this.#queue.addAfter(key, delayMs);
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#options.needs.map((need) => need.whenSynced(signal)));
    await Promise.all(Array.from({ length: this.#options.workers }, () => this.#work(signal)));
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (;;) {
      const key = await this.#queue.get(signal);
      if (key === undefined) return;
      try {
        const result = await this.#options.sync(key, signal);
        this.#queue.forget(key);
        if (result?.requeueAfterMs !== undefined) this.#queue.addAfter(key, result.requeueAfterMs);
      } catch (error) {
        this.#retry(key, error, signal);
      } finally {
        this.#queue.done(key);
      }
    }
  }

  #retry(key: string, error: unknown, signal: AbortSignal): void {
    if (signal.aborted) return;
    const { name, logger } = this.#options;
    const fields = { err: error, loop: name, key };
    if (error instanceof TerminalError) {
      logger.warn(fields, 'cannot reconcile');
      return;
    }
    if (isConflict(error) || isNotFound(error)) logger.debug(fields, 'object changed or went meanwhile');
    else logger.warn(fields, 'reconcile again later');
    this.#queue.addRateLimited(key);
  }
}
