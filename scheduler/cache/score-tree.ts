/** What a slot scores where no pod of the class can go. */
export const infeasible: number = Number.NEGATIVE_INFINITY;

/**
 * A segment tree of scores by slot: setting one costs log2(slots) steps, the best is known at once. Of equal scores
 * the lowest slot wins, so that the same input gives the same answer.
 */
export class ScoreTree {
  #leaves = 1;
  #scores: Float64Array = new Float64Array(2).fill(infeasible);

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
