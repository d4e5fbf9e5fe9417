/**
 * What of the event loop's time is left for work that others go before. While the loop is idle this work gets all that it
 * finds idle; while others keep the loop busy it gets a small part of it. What is not used is saved up for one slice, so
 * that who comes to a loop with time need not wait.
 */
import type { Clock } from '../../base/clock.ts';

/** For each millisecond that the loop is busy. */
const busyShare = 1 / 24;
/** One slice. */
const mostMs = 5;

export class LeftoverTime {
  readonly #clock: Clock;
  readonly #busyMs: () => number;
  #savedMs = mostMs;
  #atMs: number;
  #busyThenMs: number;

  /** @param busyMs for how long the loop has not waited for anything since its start */
  constructor(clock: Clock, busyMs: () => number) {
    this.#clock = clock;
    this.#busyMs = busyMs;
    this.#atMs = clock.monotonicMs();
    this.#busyThenMs = busyMs();
  }

  /** For how long the work may go on now. */
  leftMs(): number {
    const [nowMs, busyNowMs] = [this.#clock.monotonicMs(), this.#busyMs()];
    const busyMs = busyNowMs - this.#busyThenMs;
    const idleMs = Math.max(0, nowMs - this.#atMs - busyMs);
    this.#atMs = nowMs;
    this.#busyThenMs = busyNowMs;
    this.#savedMs = Math.min(mostMs, this.#savedMs + idleMs + busyMs * busyShare);
    return Math.max(0, this.#savedMs);
  }

  /** The work took so long. */
  spend(tookMs: number): void {
    this.#savedMs -= tookMs;
  }
}
