import { type Clock, delay } from '../../base/clock.ts';

/** Lets one loop sleep until something happened. Calls of `wake` while the loop is at work count once, for its next turn. */
export class Wake {
  #pending = false;
  #resolve: (() => void) | undefined;

  wake(): void {
    this.#pending = true;
    this.#resolve?.();
  }

  /** Resolves after `wake`, after `timeoutMs`, or when `signal` aborts: look at the signal after. */
  async wait(clock: Clock, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#pending && !signal.aborted) {
      const abort = new AbortController();
      const woken = new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
      await Promise.race([woken, delay(clock, timeoutMs, AbortSignal.any([signal, abort.signal]))]);
      this.#resolve = undefined;
      abort.abort();
    }
    this.#pending = false;
  }
}
