import type { Clock } from '../../base/clock.ts';
import type { Cohort, Delivery, OnSent } from './cohort.ts';

/** Writing to sinks goes on for this long before other work gets a turn. */
const sliceMs = 5;

/**
 * Hands sealed frames to watchers, a turn of the event loop after the events, so that what arrives together goes out
 * as one buffer.
 *
 * INVARIANT: deliveries go out in the order in which they were sealed, so each watcher sees its frames in order.
 */
export class Deliveries {
  readonly #clock: Clock;
  readonly #dirty = new Set<Cohort>();
  readonly #outgrown: (cohort: Cohort) => void;
  readonly #onSent: OnSent | undefined;
  #queue: Delivery[] = [];
  #member = 0;
  #scheduled = false;

  constructor(options: {
    readonly clock: Clock;
    readonly onOutgrown: (cohort: Cohort) => void;
    readonly onSent: OnSent | undefined;
  }) {
    this.#clock = options.clock;
    this.#outgrown = options.onOutgrown;
    this.#onSent = options.onSent;
  }

  add(cohort: Cohort): void {
    this.#dirty.add(cohort);
    this.#schedule();
  }

  /** Fixes who gets what is pending in `cohort`, before its members change. */
  seal(cohort: Cohort): void {
    this.#dirty.delete(cohort);
    const delivery = cohort.seal(this.#onSent);
    if (delivery !== undefined) this.#queue.push(delivery);
    if (cohort.hasOutgrown) this.#outgrown(cohort);
    if (delivery !== undefined) this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.setImmediate(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    for (const cohort of [...this.#dirty]) this.seal(cohort);
    const end = this.#clock.monotonicMs() + sliceMs;
    let delivered = 0;
    for (const delivery of this.#queue) {
      while (this.#member < delivery.members.length) {
        delivery.members[this.#member]?.write(delivery.frames);
        this.#member += 1;
        if (this.#member % 32 === 0 && this.#clock.monotonicMs() > end) break;
      }
      if (this.#member < delivery.members.length) break;
      this.#member = 0;
      delivered += 1;
      if (delivered % 32 === 0 && this.#clock.monotonicMs() > end) break;
    }
    this.#queue = this.#queue.slice(delivered);
    if (this.#queue.length > 0) this.#schedule();
  }
}
