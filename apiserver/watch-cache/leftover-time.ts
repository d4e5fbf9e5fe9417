/**
 * What of the event loop's time is left for work that others go before. While the loop is idle this work gets all that it
 * finds idle; while others keep the loop busy it gets a small part of it. What is not used is saved up for one slice, so
 * that who comes to a loop with time need not wait.
 */
import type { LoopTime } from '../../base/loop-time.ts';

/** For each millisecond that the loop is busy. */
const busyShare = 1 / 24;
/** One slice. */
const mostMs = 5;

export class LeftoverTime {
  readonly #loop: LoopTime;
  #savedMs = mostMs;

  constructor(loop: LoopTime) {
    this.#loop = loop;
  }

  /** For how long the work may go on now. */
  leftMs(): number {
    const { busyMs, idleMs } = this.#loop.sinceLast();
    this.#savedMs = Math.min(mostMs, this.#savedMs + idleMs + busyMs * busyShare);
    return Math.max(0, this.#savedMs);
  }

  /** The work took so long. */
  spend(tookMs: number): void {
    this.#savedMs -= tookMs;
  }
}
