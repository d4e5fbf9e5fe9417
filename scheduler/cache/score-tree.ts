import { infeasible } from '../framework/plugin.ts';

/** More than a tree has levels. */
const maxWaiting = 64;

/** What comes on top of the scores for one question. */
export interface Extra {
  extraOf(slot: number): number;
  readonly mostExtra: number;
  readonly limit: number;
}

/**
 * A segment tree of scores by slot: setting one costs log2(slots) steps, the best is known at once. Of equal scores
 * the lowest slot wins, so that the same input gives the same answer.
 */
export class ScoreTree {
  #leaves = 1;
  #scores: Float64Array = new Float64Array(2).fill(infeasible);
  /** Branches that are still to be looked into. */
  readonly #waiting = new Int32Array(maxWaiting);

  /** The highest score; infeasible when there is none. */
  get top(): number {
    return this.#scores[1] ?? infeasible;
  }

  set(slot: number, score: number): void {
    if (slot >= this.#leaves) this.#grow(slot + 1);
    const scores = this.#scores;
    let at = this.#leaves + slot;
    if (scores[at] === score) return;
    scores[at] = score;
    while (at > 1) {
      at >>= 1;
      const best = Math.max(scores[2 * at] ?? infeasible, scores[2 * at + 1] ?? infeasible);
      if (scores[at] === best) return;
      scores[at] = best;
    }
  }

  score(slot: number): number {
    return this.#scores[this.#leaves + slot] ?? infeasible;
  }

  /** The slot with the highest score; undefined when all are infeasible. */
  best(): number | undefined {
    const scores = this.#scores;
    const highest = scores[1];
    if (highest === undefined || highest === infeasible) return undefined;
    let at = 1;
    while (at < this.#leaves) at = scores[2 * at] === highest ? 2 * at : 2 * at + 1;
    return at - this.#leaves;
  }

  /**
   * The slot with the highest sum of its score and `extraOf` it, which is `mostExtra` at the most. Looks into a branch
   * only while it may hold a better one, the best branch first.
   * @returns undefined when all are infeasible; 'too many' after a look at `limit` slots
   */
  bestWith({ extraOf, mostExtra, limit }: Extra): number | undefined | 'too many' {
    const scores = this.#scores;
    const waiting = this.#waiting;
    let waitingCount = 1;
    waiting[0] = 1;
    let best: number | undefined;
    let bestValue = infeasible;
    let looked = 0;
    while (waitingCount > 0) {
      waitingCount -= 1;
      let at = waiting[waitingCount] ?? 1;
      if ((scores[at] ?? infeasible) + mostExtra <= bestValue) continue;
      while (at < this.#leaves) {
        const left = 2 * at;
        const isLeft = (scores[left] ?? infeasible) >= (scores[left + 1] ?? infeasible);
        waiting[waitingCount] = isLeft ? left + 1 : left;
        waitingCount += 1;
        at = isLeft ? left : left + 1;
      }
      if (looked >= limit) return 'too many';
      looked += 1;
      const slot = at - this.#leaves;
      const value = (scores[at] ?? infeasible) + extraOf(slot);
      if (value > bestValue) {
        best = slot;
        bestValue = value;
      }
    }
    return best;
  }

  #grow(slots: number): void {
    const before = this.#scores.subarray(this.#leaves);
    while (this.#leaves < slots) this.#leaves *= 2;
    this.#scores = new Float64Array(2 * this.#leaves).fill(infeasible);
    this.#scores.set(before, this.#leaves);
    const scores = this.#scores;
    for (let at = this.#leaves - 1; at >= 1; at -= 1)
      scores[at] = Math.max(scores[2 * at] ?? infeasible, scores[2 * at + 1] ?? infeasible);
  }
}
