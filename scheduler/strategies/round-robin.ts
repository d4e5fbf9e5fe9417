import type { Candidates, Strategy } from './strategy.ts';

/** The next feasible node after the one chosen last, around and around. */
export class RoundRobin implements Strategy {
  readonly name = 'round-robin';
  #next = 0;

  choose({ slotCount, isFeasible }: Candidates): number | undefined {
    for (let i = 0; i < slotCount; i += 1) {
      const slot = (this.#next + i) % slotCount;
      if (!isFeasible(slot)) continue;
      this.#next = slot + 1;
      return slot;
    }
    return undefined;
  }
}
