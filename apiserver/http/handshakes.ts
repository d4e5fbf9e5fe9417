import type { Clock, Timer } from '../../base/clock.ts';

/** Handshakes under way at once: the steps of as many are what one turn of the event loop may have to do. */
const underWayLimit = 4;
/** Begun in one turn, however many have ended in it or were given up: the first step, with its signature, is a millisecond or two. */
const beginsPerTurn = 2;
/** After a turn that was long: what the last ones have brought, a hundred requests each, is being worked on. */
const beginsAfterLongTurn = 1;
const longTurnMs = 15;
/** A client that takes longer to answer makes nobody else wait. */
const patienceMs = 20;

/**
 * Lets new connections begin their handshakes a few at a time, since each costs two milliseconds and a thousand may come
 * at once.
 *
 * Connections are told apart by a name, so that one which was given up and ends after all does not count for another.
 */
export class Handshakes {
  readonly #clock: Clock;
  /** When those that are under way began, the oldest first. */
  readonly #begun = new Map<string, number>();
  readonly #waiting = new Map<string, () => void>();
  #begunInTurn = 0;
  #mayBeginInTurn = beginsPerTurn;
  #isTurnOpen = false;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `begin` when it may. */
  add(connection: string, begin: () => void): void {
    this.#waiting.set(connection, begin);
    this.#beginNext();
  }

  /** One has come to its end, well or not. */
  ended(connection: string): void {
    this.#waiting.delete(connection);
    if (this.#begun.delete(connection)) this.#beginNext();
  }

  #beginNext(): void {
    if (this.#waiting.size === 0) return;
    const nowMs = this.#clock.monotonicMs();
    this.#giveUp(nowMs - patienceMs);
    for (const [connection, begin] of this.#waiting) {
      if (this.#begunInTurn >= this.#mayBeginInTurn) return;
      if (this.#begun.size >= underWayLimit) {
        this.#lookAgain(nowMs);
        return;
      }
      this.#countInTurn();
      this.#waiting.delete(connection);
      this.#begun.set(connection, nowMs);
      begin();
    }
  }

  #giveUp(beforeMs: number): void {
    for (const [connection, begunMs] of this.#begun) {
      if (begunMs > beforeMs) return;
      this.#begun.delete(connection);
    }
  }

  #countInTurn(): void {
    this.#begunInTurn += 1;
    if (this.#isTurnOpen) return;
    this.#isTurnOpen = true;
    const beganMs = this.#clock.monotonicMs();
    this.#clock.setImmediate(() => {
      const wasLong = this.#clock.monotonicMs() - beganMs > longTurnMs;
      this.#mayBeginInTurn = wasLong ? beginsAfterLongTurn : beginsPerTurn;
      this.#isTurnOpen = false;
      this.#begunInTurn = 0;
      this.#beginNext();
    });
  }

  #lookAgain(nowMs: number): void {
    if (this.#timer !== undefined) return;
    const [oldestMs = nowMs] = this.#begun.values();
    const look = (): void => {
      this.#timer = undefined;
      this.#beginNext();
    };
    this.#timer = this.#clock.setTimer(Math.max(1, oldestMs + patienceMs - nowMs), look, { unref: true });
  }
}
