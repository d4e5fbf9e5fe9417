/**
 * Thousands of datagrams a second that come one by one wake the process one by one, which costs it three times what
 * reading them does. So while they come that often, the process stands still for a moment after it has read all there
 * were, and then reads those that have come together.
 */
import type { Clock } from '../../base/clock.ts';

/** Beats of a thousand nodes. */
const oftenPerSecond = 2_000;
/** Beats of 5,000 nodes in this time are 40; a socket holds some hundreds. */
const restMs = 4;
/** How often is asked after so many. */
const sample = 500;
/** libuv reads at most this many datagrams per turn of the event loop: fewer means that the socket is empty. */
export const datagramsPerTurn = 32;

export interface RestsOptions {
  readonly clock: Clock;
  /** Lets nothing run for so long. */
  readonly block: (ms: number) => void;
}

export class Rests {
  readonly #options: RestsOptions;
  #sampled = 0;
  #sinceMs = 0;
  #isOften = false;
  #inThisTurn = 0;
  #isDue = false;
  #awake = 0;

  constructor(options: RestsOptions) {
    this.#options = options;
  }

  /** A datagram has come. */
  heard(): void {
    this.#sampled += 1;
    if (this.#sampled === sample) this.#measure();
    if (!this.#isOften) return;
    this.#inThisTurn += 1;
    if (this.#isDue) return;
    this.#isDue = true;
    this.#options.clock.setImmediate(() => this.#rest());
  }

  /** No rests, since somebody waits for what has come, until the function that it returns is called. */
  stayAwake(): () => void {
    this.#awake += 1;
    return () => {
      this.#awake -= 1;
    };
  }

  #measure(): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#isOften = (this.#sampled * 1_000) / Math.max(1, nowMs - this.#sinceMs) > oftenPerSecond;
    this.#sampled = 0;
    this.#sinceMs = nowMs;
  }

  #rest(): void {
    const hasMore = this.#inThisTurn >= datagramsPerTurn;
    this.#inThisTurn = 0;
    this.#isDue = false;
    if (!hasMore && this.#awake === 0) this.#options.block(restMs);
  }
}
