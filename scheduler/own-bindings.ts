import type { Clock } from '../base/clock.ts';
import type { OwnChanges } from '../client/client.ts';
import type { SeenPods } from './seen-pods.ts';

/** Answered, and not yet come by the watch. */
const maxExpected = 4_000;

/**
 * The bindings that the API server has answered for, until the watch brings them: they are known by then, and need not
 * be read. What the watch brings before its answer is read like everything else.
 */
export class OwnBindings implements OwnChanges {
  readonly #clock: Clock;
  readonly #seen: Pick<SeenPods, 'reach'>;
  readonly #isBinding: () => boolean;
  readonly #expected = new Set<string>();

  constructor(options: {
    readonly clock: Clock;
    readonly seen: Pick<SeenPods, 'reach'>;
    readonly isBinding: () => boolean;
  }) {
    this.#clock = options.clock;
    this.#seen = options.seen;
    this.#isBinding = options.isBinding;
  }

  /** @param resourceVersion of the bound pod */
  expect(resourceVersion: string): void {
    this.#expected.add(resourceVersion);
    // Those of a watch that broke before it brought them.
    for (const oldest of this.#expected) {
      if (this.#expected.size <= maxExpected) return;
      this.#expected.delete(oldest);
    }
  }

  whenAnswered(): Promise<void> | undefined {
    if (!this.#isBinding()) return undefined;
    return new Promise((resolve) => {
      this.#clock.setImmediate(resolve);
    });
  }

  takes(resourceVersion: string): boolean {
    if (!this.#expected.delete(resourceVersion)) return false;
    this.#seen.reach(resourceVersion);
    return true;
  }
}
