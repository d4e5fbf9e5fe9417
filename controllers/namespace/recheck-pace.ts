import { type BackoffPolicy, backoffMs } from '../../base/backoff.ts';
import type { Random } from '../../base/random.ts';
import { canonicalJson } from '../structural-equality.ts';
import type { Findings } from './plan-namespace.ts';

/** What still ends (pods in their grace period, finalizers) is looked at again so often. */
const policy: BackoffPolicy = { initialMs: 1_000, maxMs: 15_000, factor: 1.5, jitter: 0.1 };

/** When to look again at namespaces that are not empty: less and less often while nothing changes, for a finalizer may hold one for days. */
export class RecheckPace {
  readonly #random: Random;
  /** What was left of each, and how many looks found the same before. */
  readonly #left = new Map<string, { readonly what: string; readonly looks: number }>();

  constructor(random: Random) {
    this.#random = random;
  }

  nextMs(namespace: string, { remaining, ...errors }: Findings): number {
    const sorted = [...remaining].sort((a, b) => (a.resource < b.resource ? -1 : 1));
    const what = canonicalJson({ sorted, ...errors });
    const before = this.#left.get(namespace);
    const looks = before?.what === what ? before.looks + 1 : 0;
    this.#left.set(namespace, { what, looks });
    return backoffMs(policy, looks, this.#random);
  }

  forget(namespace: string): void {
    this.#left.delete(namespace);
  }
}
