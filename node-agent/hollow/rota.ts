import type { Clock } from '../../base/clock.ts';

const tickMs = 10;

export interface RotaOptions {
  readonly clock: Clock;
  /** Everybody's turn comes once in it. */
  readonly periodMs: number;
  /** How many take turns. */
  readonly count: number;
  readonly visit: (index: number) => void;
}

/**
 * Gives turns at even distances, so that thousands that do something periodically never do it together. One timer
 * serves all. Turns that were slept through for more than a period are left out, not made up for.
 */
export class Rota {
  readonly #options: RotaOptions;

  constructor(options: RotaOptions) {
    this.#options = options;
  }

  run(signal: AbortSignal): Promise<void> {
    const { clock, periodMs, count, visit } = this.#options;
    const startMs = clock.monotonicMs();
    let given = 0;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const tick = (): void => {
        const due = Math.floor(((clock.monotonicMs() - startMs) / periodMs) * count);
        given = Math.max(given, due - count);
        for (; given < due; given += 1) visit(given % count);
        timer = clock.setTimer(tickMs, tick);
      };
      let timer = clock.setTimer(0, tick);
      signal.addEventListener(
        'abort',
        () => {
          timer.cancel();
          resolve();
        },
        { once: true },
      );
    });
  }
}
