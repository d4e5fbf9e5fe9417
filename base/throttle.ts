import type { Clock, Timer } from './clock.ts';

/**
 * Calls `run` soon after each request, but never twice within an interval: requests that come earlier are one, and
 * served when the interval is over.
 */
export class Throttle {
  readonly #clock: Clock;
  readonly #intervalMs: () => number;
  readonly #run: () => void;
  #ranAtMs = Number.NEGATIVE_INFINITY;
  #pending: { readonly atMs: number; readonly timer: Timer } | undefined;

  /** @param options.intervalMs asked at each request */
  constructor(options: {
    readonly clock: Clock;
    readonly intervalMs: () => number;
    readonly run: () => void;
  }) {
    this.#clock = options.clock;
    this.#intervalMs = options.intervalMs;
    this.#run = options.run;
  }

  /** @param delayMs waits at least so long, e.g. to spread what many do at the same time */
  request(delayMs = 0): void {
    const nowMs = this.#clock.monotonicMs();
    const atMs = Math.max(nowMs + delayMs, this.#ranAtMs + this.#intervalMs());
    if (this.#pending !== undefined && this.#pending.atMs <= atMs) return;
    this.cancel();
    if (atMs <= nowMs) this.#serve();
    else this.#pending = { atMs, timer: this.#clock.setTimer(atMs - nowMs, () => this.#serve()) };
  }

  cancel(): void {
    this.#pending?.timer.cancel();
    this.#pending = undefined;
  }

  #serve(): void {
    this.#pending = undefined;
    this.#ranAtMs = this.#clock.monotonicMs();
    this.#run();
  }
}
