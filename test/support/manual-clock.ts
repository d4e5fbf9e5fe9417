import type { Clock, Timer } from '../../base/clock.ts';

interface Pending {
  readonly atMs: number;
  readonly run: () => void;
}

/** A clock that stands still until it is told to move; timers run in order of their time. */
export class ManualClock implements Clock {
  readonly #startMs: number;
  readonly #pending = new Set<Pending>();
  #elapsedMs = 0;

  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#startMs = startMs;
  }

  get pendingTimers(): number {
    return this.#pending.size;
  }

  nowMs(): number {
    return this.#startMs + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  setTimer(delayMs: number, run: () => void): Timer {
    const pending: Pending = { atMs: this.#elapsedMs + delayMs, run };
    this.#pending.add(pending);
    return { cancel: () => this.#pending.delete(pending) };
  }

  setImmediate(run: () => void): Timer {
    return this.setTimer(0, run);
  }

  /** Moves on, runs every timer that becomes due, and lets promises settle after each. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#elapsedMs + byMs;
    await settle();
    for (let next = this.#nextUntil(endMs); next !== undefined; next = this.#nextUntil(endMs)) {
      this.#elapsedMs = Math.max(this.#elapsedMs, next.atMs);
      this.#pending.delete(next);
      next.run();
      await settle();
    }
    this.#elapsedMs = endMs;
  }

  #nextUntil(endMs: number): Pending | undefined {
    let next: Pending | undefined;
    for (const pending of this.#pending)
      if (pending.atMs <= endMs && (next === undefined || pending.atMs < next.atMs)) next = pending;
    return next;
  }
}

/** Lets every promise that can settle do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
