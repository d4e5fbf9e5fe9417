import { StatusError } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';

/** As long as Kubernetes lets a read wait for its cache. */
export const waitForVersionMs = 3_000;

interface Waiter {
  readonly version: number;
  resolve(): void;
}

/** Reads that wait until the cache has come as far as a version. */
export class VersionWaiters {
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The cache has reached `version`. */
  reached(version: number): void {
    for (const waiter of this.#waiters) if (waiter.version <= version) waiter.resolve();
  }

  /** @throws StatusError `Timeout` after 3 s; the signal's reason when that aborts. */
  wait(version: number, currentVersion: () => number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (outcome: () => void): void => {
        this.#waiters.delete(waiter);
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
        outcome();
      };
      const waiter: Waiter = { version, resolve: () => settle(resolve) };
      const timer = this.#clock.setTimer(waitForVersionMs, () =>
        settle(() => reject(tooLarge(version, currentVersion()))),
      );
      const onAbort = (): void => settle(() => reject(signal?.reason));
      this.#waiters.add(waiter);
      if (signal?.aborted === true) onAbort();
      else signal?.addEventListener('abort', onAbort);
    });
  }
}

function tooLarge(version: number, current: number): StatusError {
  return new StatusError({
    reason: 'Timeout',
    code: 504,
    message: `Timeout: Too large resource version: ${version}, current: ${current}`,
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  });
}
