import { confirmedWithinMs } from '../../base/beat-renewal.ts';
import type { Clock } from '../../base/clock.ts';

/** An agent's wait for the renewal that it has asked its guard for. */
export class AwaitedRenewal {
  readonly #clock: Clock;
  #lastId = 0;
  #end: ((id: number | undefined) => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param send asks the guard @returns whether it was renewed; false when that is not known in time */
  ask(send: (id: number) => void): Promise<boolean> {
    this.giveUp();
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(confirmedWithinMs, () => this.giveUp());
      this.#end = (renewed) => {
        // Of one that was given up, and asked for again since.
        if (renewed !== undefined && renewed !== id) return;
        timer.cancel();
        this.#end = undefined;
        resolve(renewed === id);
      };
      send(id);
    });
  }

  hear(id: number): void {
    this.#end?.(id);
  }

  giveUp(): void {
    this.#end?.(undefined);
  }
}
