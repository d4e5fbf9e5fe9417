import type { Pod } from '../../api/generated/core-v1.ts';
import { type BackoffPolicy, backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';

const policy: BackoffPolicy = { initialMs: 1_000, maxMs: 15 * 60_000, factor: 2, jitter: 0 };
/** A node whose daemon has run for this long since starts from the beginning. */
const forgivenAfterMs = 2 * policy.maxMs;

interface Ends {
  count: number;
  notBeforeMs: number;
}

/** Daemons that end again and again on a node are replaced less and less often there. */
export class EndedPods {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #byOwner = new Map<string, Map<string, Ends>>();

  constructor(options: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /** Whether the ended pod may go now; if so, the next one on its node waits longer. */
  mayReplace(owner: string, pod: Pod): boolean {
    const nowMs = this.#clock.monotonicMs();
    const nodes = this.#byOwner.get(owner) ?? new Map<string, Ends>();
    this.#byOwner.set(owner, nodes);
    const node = pod.spec.nodeName ?? '';
    const known = nodes.get(node);
    const ends =
      known === undefined || nowMs - known.notBeforeMs > forgivenAfterMs
        ? { count: 0, notBeforeMs: nowMs }
        : known;
    nodes.set(node, ends);
    if (nowMs < ends.notBeforeMs) return false;
    ends.notBeforeMs = nowMs + backoffMs(policy, ends.count, this.#random);
    ends.count += 1;
    return true;
  }

  /** Until the first of the pauses that go on is over. */
  nextInMs(owner: string): number | undefined {
    const nowMs = this.#clock.monotonicMs();
    const waits = [...(this.#byOwner.get(owner)?.values() ?? [])]
      .map(({ notBeforeMs }) => notBeforeMs - nowMs)
      .filter((waitMs) => waitMs > 0);
    return waits.length === 0 ? undefined : Math.min(...waits);
  }

  forget(owner: string): void {
    this.#byOwner.delete(owner);
  }
}
