import type { Clock } from '../base/clock.ts';

/** Steps with the time since the start, one line each, on standard error: the same in a terminal and in a pipe. */
export class Progress {
  readonly #clock: Clock;
  readonly #startMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
  }

  step(message: string): void {
    const seconds = (this.#clock.monotonicMs() - this.#startMs) / 1000;
    process.stderr.write(`${seconds.toFixed(1).padStart(6)} s  ${message}\n`);
  }
}
