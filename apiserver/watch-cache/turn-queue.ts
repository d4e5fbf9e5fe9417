import type { Clock } from '../../base/clock.ts';

/** Work that one turn of the event loop may begin, by default. Several queues share a turn. */
const defaultTurnMs = 4;
/** What everything together may take in a turn before the next one begins less. */
const calmTurnMs = 15;

/**
 * Short pieces of work, begun in order: at once while this turn of the event loop has time for them, else in later
 * turns. A thousand that come together so take turns with everything else. What a piece has begun goes on outside of
 * it, and leaves garbage: after a turn that took long, whatever it was, the next one begins in proportion less.
 *
 * Cost of a piece that need not wait: a look at the clock; of a turn with any: one `setImmediate`.
 *
 * INVARIANT: pieces begin in the order in which they were added, at least one a turn.
 */
export class TurnQueue {
  readonly #clock: Clock;
  readonly #turnMs: number;
  #waiting: (() => void)[] = [];
  #next = 0;
  #hasBegun = false;
  #turnEndMs = 0;
  #isTurnOpen = false;
  #isRunning = false;

  constructor(options: { readonly clock: Clock; readonly turnMs?: number }) {
    this.#clock = options.clock;
    this.#turnMs = options.turnMs ?? defaultTurnMs;
  }

  /** Pieces that have not begun. */
  get size(): number {
    return this.#waiting.length - this.#next;
  }

  /** `piece` must not throw; what it adds itself comes after all that waits. */
  add(piece: () => void): void {
    this.#waiting.push(piece);
    if (!this.#isRunning) this.#run();
  }

  #run(lastTookMs?: number): void {
    if (!this.#isTurnOpen) this.#openTurn(lastTookMs);
    this.#isRunning = true;
    try {
      for (let piece = this.#take(); piece !== undefined; piece = this.#take()) piece();
    } finally {
      this.#isRunning = false;
    }
  }

  #openTurn(lastTookMs = 0): void {
    this.#isTurnOpen = true;
    this.#hasBegun = false;
    const beganMs = this.#clock.monotonicMs();
    this.#turnEndMs = beganMs + this.#turnMs * Math.min(1, calmTurnMs / lastTookMs);
    this.#clock.setImmediate(() => {
      this.#isTurnOpen = false;
      if (this.size > 0) this.#run(this.#clock.monotonicMs() - beganMs);
    });
  }

  #take(): (() => void) | undefined {
    const piece = this.#waiting[this.#next];
    if (piece === undefined) {
      this.#waiting = [];
      this.#next = 0;
      return undefined;
    }
    if (this.#hasBegun && this.#clock.monotonicMs() >= this.#turnEndMs) return undefined;
    this.#hasBegun = true;
    this.#next += 1;
    if (this.#next > 1_024 && this.#next > this.#waiting.length / 2) this.#forgetBegun();
    return piece;
  }

  #forgetBegun(): void {
    this.#waiting = this.#waiting.slice(this.#next);
    this.#next = 0;
  }
}
