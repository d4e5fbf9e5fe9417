import type { Clock } from '../base/clock.ts';

/**
 * Time as a judge of silence may count it: only while it was itself able to listen. A gap between two ticks that is
 * much longer than the period is a pause of this process (or machine); it counts as one period, which extends
 * every deadline by the pause.
 */
export class JudgingClock {
  readonly #clock: Clock;
  readonly #periodMs: number;
  #tickedAtMs: number;
  #nowMs = 0;

  constructor(clock: Clock, periodMs: number) {
    this.#clock = clock;
    this.#periodMs = periodMs;
    this.#tickedAtMs = clock.monotonicMs();
  }

  /** Judging time at the last tick, from 0. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Once per period. @returns the stall in milliseconds that was not counted */
  tick(): number {
    const now = this.#clock.monotonicMs();
    const gapMs = now - this.#tickedAtMs;
    this.#tickedAtMs = now;
    const counted = gapMs <= 2 * this.#periodMs ? gapMs : this.#periodMs;
    this.#nowMs += counted;
    return gapMs - counted;
  }
}
