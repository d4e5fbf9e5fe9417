import { OrderedMap } from '../storage/ordered-map.ts';
import type { IndexedObject } from './cached-object.ts';
import type { EventRing } from './event-ring.ts';

const keptPasts = 8;

/** How a resource looked at one version, as its difference from now: undefined where there was no object. */
export type PastDifference = OrderedMap<IndexedObject | undefined>;

/**
 * Older states of a resource, for lists that continue. Each is kept as a difference that grows by the events since it
 * was last asked for, so that a list of many pages costs each event once.
 */
export class PastStates {
  readonly #ring: EventRing;
  readonly #kept = new Map<number, { readonly difference: PastDifference; upTo: number }>();

  constructor(ring: EventRing) {
    this.#ring = ring;
  }

  /** `version` must not be below the ring's floor. */
  at(version: number): PastDifference {
    const past = this.#kept.get(version) ?? { difference: new OrderedMap(), upTo: version };
    if (past.upTo < this.#ring.floor) return this.#rebuilt(version);
    for (const event of this.#ring.after(past.upTo)) {
      if (!past.difference.has(event.key)) past.difference.set(event.key, event.previous);
      past.upTo = event.version;
    }
    this.#keep(version, past);
    return past.difference;
  }

  #rebuilt(version: number): PastDifference {
    this.#kept.delete(version);
    return this.at(version);
  }

  #keep(version: number, past: { readonly difference: PastDifference; upTo: number }): void {
    this.#kept.delete(version);
    this.#kept.set(version, past);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > keptPasts && oldest !== undefined) this.#kept.delete(oldest);
  }
}
