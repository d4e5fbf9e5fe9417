import type { Clock } from '../../base/clock.ts';
import { LoopTime } from '../../base/loop-time.ts';
import { type Cohort, type Delivery, type OnSent, partFor } from './cohort.ts';
import { LeftoverTime } from './leftover-time.ts';
import { isOfOneNode } from './selection.ts';

/** Writing to sinks goes on for this long before other work gets a turn. */
const sliceMs = 5;
/**
 * A gathered cohort gets nothing for this long after a delivery, times its members, each of which takes some 0.06 ms of
 * CPU: so they take an eighth of a core at most, however often something changes. 1.5 ms for three members, 2.5 s for
 * 5,000.
 */
const gatheringMsPerMember = 0.5;
/** When there is no time left for nodes, it is looked for again. */
const restMs = 2;
/** Deliveries to nodes between two looks at the clock. */
const nodesPerLook = 4;

/**
 * Hands sealed frames to watchers, a turn of the event loop after the events, so that what arrives together goes out
 * as one buffer. A cohort that is gathered gets the first change at once, and then what has come by the end of a
 * pause that grows with its members.
 *
 * INVARIANT: deliveries go out in the order in which they were sealed, so each watcher sees its frames in order.
 */
export class Deliveries {
  readonly #clock: Clock;
  readonly #dirty = new Set<Cohort>();
  /** Gathered cohorts in their pause. Some have something pending. */
  readonly #pausing = new Set<Cohort>();
  readonly #isGathered: (cohort: Cohort) => boolean;
  readonly #outgrown: (cohort: Cohort) => void;
  readonly #onSent: OnSent | undefined;
  /** Each of one node, with something pending. */
  readonly #nodes = new Set<Cohort>();
  readonly #leftover: LeftoverTime;
  #isResting = false;
  #queue: Delivery[] = [];
  #member = 0;
  #scheduled = false;

  constructor(options: {
    readonly clock: Clock;
    /** For how long the event loop has been busy since its start. */
    readonly busyMs: () => number;
    readonly onOutgrown: (cohort: Cohort) => void;
    readonly onSent: OnSent | undefined;
    readonly isGathered: (cohort: Cohort) => boolean;
  }) {
    this.#clock = options.clock;
    this.#isGathered = options.isGathered;
    this.#outgrown = options.onOutgrown;
    this.#onSent = options.onSent;
    this.#leftover = new LeftoverTime(new LoopTime(options.clock, options.busyMs));
  }

  add(cohort: Cohort): void {
    if (this.#pausing.has(cohort)) return;
    if (isOfOneNode(cohort.kind.selection)) this.#nodes.add(cohort);
    else this.#dirty.add(cohort);
    this.#schedule();
  }

  /** Fixes who gets what is pending in `cohort`, before its members change. */
  seal(cohort: Cohort): void {
    this.#dirty.delete(cohort);
    this.#nodes.delete(cohort);
    const delivery = cohort.seal(this.#onSent);
    if (delivery !== undefined) this.#queue.push(delivery);
    if (cohort.hasOutgrown) this.#outgrown(cohort);
    if (delivery === undefined) return;
    if (this.#isGathered(cohort)) this.#pause(cohort, delivery.members.length);
    this.#schedule();
  }

  #pause(cohort: Cohort, members: number): void {
    this.#pausing.add(cohort);
    const resume = (): void => {
      this.#pausing.delete(cohort);
      // Without anything pending its delivery is none.
      this.add(cohort);
    };
    this.#clock.setTimer(Math.ceil(members * gatheringMsPerMember), resume, { unref: true });
  }

  #schedule(): void {
    if (this.#scheduled || (this.#isResting && this.#dirty.size + this.#queue.length === 0)) return;
    this.#scheduled = true;
    this.#clock.setImmediate(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    for (const cohort of [...this.#dirty]) this.seal(cohort);
    this.#write(this.#clock.monotonicMs() + sliceMs);
    if (this.#queue.length > 0) this.#schedule();
    else if (this.#nodes.size > 0 && !this.#isResting) this.#deliverToNodes();
  }

  #write(end: number): void {
    let delivered = 0;
    for (const delivery of this.#queue) {
      while (this.#member < delivery.members.length) {
        const member = delivery.members[this.#member];
        member?.write(partFor(delivery, member));
        this.#member += 1;
        if (this.#member % 32 === 0 && this.#clock.monotonicMs() > end) break;
      }
      if (this.#member < delivery.members.length) break;
      this.#member = 0;
      delivered += 1;
      if (delivered % 32 === 0 && this.#clock.monotonicMs() > end) break;
    }
    this.#queue = this.#queue.slice(delivered);
  }

  /** As many as there is time for. What comes meanwhile for those who wait goes out with what is pending. */
  #deliverToNodes(): void {
    const leftMs = this.#leftover.leftMs();
    const startMs = this.#clock.monotonicMs();
    let looked = startMs;
    let written = 0;
    for (const cohort of this.#nodes) {
      if (written % nodesPerLook === 0) looked = this.#clock.monotonicMs();
      if (leftMs === 0 || looked - startMs >= leftMs) break;
      this.seal(cohort);
      this.#write(Number.POSITIVE_INFINITY);
      written += 1;
    }
    this.#leftover.spend(this.#clock.monotonicMs() - startMs);
    if (this.#nodes.size > 0) this.#rest();
  }

  #rest(): void {
    this.#isResting = true;
    const resume = (): void => {
      this.#isResting = false;
      this.#schedule();
    };
    this.#clock.setTimer(restMs, resume, { unref: true });
  }
}
