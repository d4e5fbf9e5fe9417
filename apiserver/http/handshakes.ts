import type { Clock, Timer } from '../../base/clock.ts';

/** Handshakes under way at once: the signatures of as many are what one turn of the event loop may have to make. */
const underWayLimit = 8;
/** A client that takes longer to answer makes nobody else wait. */
const patienceMs = 100;

/**
 * Lets new connections begin their handshakes a few at a time, since each costs a millisecond and a thousand may come
 * at once.
 */
export class Handshakes {
  readonly #clock: Clock;
  /** When those that are under way began, the oldest first. */
  readonly #begun: number[] = [];
  readonly #waiting: (() => void)[] = [];
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `begin` when it may. */
  add(begin: () => void): void {
    this.#waiting.push(begin);
    this.#beginNext();
  }

  /** One has come to its end, well or not. */
  ended(): void {
    this.#begun.shift();
    this.#beginNext();
  }

  #beginNext(): void {
    const nowMs = this.#clock.monotonicMs();
    while ((this.#begun[0] ?? nowMs) <= nowMs - patienceMs) this.#begun.shift();
    while (this.#begun.length < underWayLimit) {
      const begin = this.#waiting.shift();
      if (begin === undefined) return;
      this.#begun.push(nowMs);
      begin();
    }
    if (this.#waiting.length > 0) this.#lookAgain((this.#begun[0] ?? nowMs) + patienceMs - nowMs);
  }

  #lookAgain(afterMs: number): void {
    if (this.#timer !== undefined) return;
    const look = (): void => {
      this.#timer = undefined;
      this.#beginNext();
    };
    this.#timer = this.#clock.setTimer(Math.max(1, afterMs), look, { unref: true });
  }
}
