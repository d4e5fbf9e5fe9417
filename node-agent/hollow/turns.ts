import type { Clock } from '../../base/clock.ts';

export interface TurnsOptions {
  readonly limit: number;
  /** One that takes longer makes nobody else wait. */
  readonly patienceMs: number;
  readonly clock: Clock;
}

/** How many may do something at the same time; the others wait, in the order in which they came. */
export class Turns {
  readonly #options: TurnsOptions;
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(options: TurnsOptions) {
    this.#options = options;
    this.#free = options.limit;
  }

  /** Resolves when there is room, with what to call when it is over. */
  async enter(): Promise<() => void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.add(resolve));
    let isOver = false;
    const leave = (): void => {
      if (isOver) return;
      isOver = true;
      timer.cancel();
      this.#leave();
    };
    const { clock, patienceMs } = this.#options;
    const timer = clock.setTimer(patienceMs, leave, { unref: true });
    return leave;
  }

  #leave(): void {
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      next();
      return;
    }
    this.#free += 1;
  }
}
