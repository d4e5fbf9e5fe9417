import { type Random, seededRandom } from '../../base/random.ts';

/** Seeded choices. */
export class Dice {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Throws of their own for every case of a run, so that one case can be repeated alone. */
  static ofCase(seed: number, index: number): Dice {
    return new Dice(seededRandom(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)));
  }

  /** 0 <= result < limit */
  below(limit: number): number {
    return Math.floor(this.#random.next() * limit);
  }

  chance(probability: number): boolean {
    return this.#random.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('pick from an empty list');
    return item;
  }

  /** One of the branches, by weight. */
  branch<T>(branches: readonly (readonly [weight: number, make: () => T])[]): T {
    let left = this.below(branches.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, make] of branches) {
      left -= weight;
      if (left < 0) return make();
    }
    throw new Error('no branch');
  }
}
