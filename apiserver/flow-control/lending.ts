/**
 * How many idle seats of others a level may use now. Seats that are lent make the most of a machine; but what has begun is done
 * before what comes next, so on a slow or shared machine fewer are lent: additive up while turns of the event loop are
 * short, multiplicative down when they are long, never below what a level owns.
 */

/** A turn of the event loop, with what it starts, is to be this short while requests wait. */
const turnGoalMs = 4;
const recovery = 0.25;
const reduction = 0.7;

export class Lending {
  readonly #most: number;
  #lent: number;

  /** @param most seats there are in all */
  constructor(most: number) {
    this.#most = most;
    this.#lent = most;
  }

  /** The most that a level may borrow. */
  get limit(): number {
    return Math.floor(this.#lent);
  }

  /** Told while requests wait, once a turn. */
  turned(tookMs: number): void {
    if (tookMs <= turnGoalMs) this.#lent = Math.min(this.#most, this.#lent + recovery);
    else this.#lent *= reduction;
  }
}
