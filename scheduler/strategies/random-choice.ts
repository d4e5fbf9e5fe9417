import type { Random } from '../../base/random.ts';
import type { Candidates, Strategy } from './strategy.ts';

/** Any feasible node, each with the same probability. */
export class RandomChoice implements Strategy {
  readonly name = 'random';
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  choose({ slotCount, isFeasible }: Candidates): number | undefined {
    const feasible: number[] = [];
    for (let slot = 0; slot < slotCount; slot += 1) if (isFeasible(slot)) feasible.push(slot);
    return feasible[Math.floor(this.#random.next() * feasible.length)];
  }
}
