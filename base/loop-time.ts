import type { Clock } from './clock.ts';

/** How an event loop spends its time, from one look to the next. */
export class LoopTime {
  readonly #clock: Clock;
  readonly #busyMs: () => number;
  #atMs: number;
  #busyThenMs: number;

  /** @param busyMs for how long the loop has not waited for anything since its start */
  constructor(clock: Clock, busyMs: () => number) {
    this.#clock = clock;
    this.#busyMs = busyMs;
    this.#atMs = clock.monotonicMs();
    this.#busyThenMs = busyMs();
  }

  /** Since the last call, the first time since the beginning. */
  sinceLast(): { readonly busyMs: number; readonly idleMs: number } {
    const [nowMs, busyNowMs] = [this.#clock.monotonicMs(), this.#busyMs()];
    const busyMs = busyNowMs - this.#busyThenMs;
    const idleMs = Math.max(0, nowMs - this.#atMs - busyMs);
    this.#atMs = nowMs;
    this.#busyThenMs = busyNowMs;
    return { busyMs, idleMs };
  }
}
