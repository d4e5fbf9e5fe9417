/**
 * Refusals are told at a bounded rate per flow. Whoever asks again as soon as they are refused would else keep the event
 * loop busy with refusing; so long as an answer is due they do not ask again on that stream or connection. Whoever waits as told is
 * told at once: the rate is far above theirs.
 *
 * Cost: a queue entry per refusal that waits, one timer for all.
 */
import type { Clock } from '../../base/clock.ts';

/** Of one flow, in a second. */
export const refusalsPerSecond = 50;
/** Told at once to a flow that has not been refused for a while. */
export const refusalBurst = 50;
/** Refusals that wait, of all flows together; what comes on top is cut off without an answer. */
export const maxHeldRefusals = 8_192;
const tickMs = 100;

interface Held {
  readonly waiting: Set<() => void>;
  allowance: number;
}

export class PacedRefusals {
  readonly #clock: Clock;
  readonly #flows = new Map<string, Held>();
  #held = 0;
  #ticking = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get held(): number {
    return this.#held;
  }

  /** Calls `tell` when the refusal may be told; false when there are too many that wait. */
  add(flow: string, tell: () => void, signal: AbortSignal): boolean {
    const found = this.#flows.get(flow) ?? { waiting: new Set(), allowance: refusalBurst };
    this.#flows.set(flow, found);
    this.#schedule();
    if (found.waiting.size === 0 && found.allowance >= 1) {
      found.allowance -= 1;
      tell();
      return true;
    }
    if (this.#held >= maxHeldRefusals) return false;
    const leave = (): void => {
      if (!found.waiting.delete(entry)) return;
      this.#held -= 1;
      tell();
    };
    const entry = (): void => {
      signal.removeEventListener('abort', leave);
      tell();
    };
    found.waiting.add(entry);
    this.#held += 1;
    signal.addEventListener('abort', leave, { once: true });
    return true;
  }

  #schedule(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    this.#clock.setTimer(tickMs, () => this.#tick(), { unref: true });
  }

  #tick(): void {
    this.#ticking = false;
    for (const [name, flow] of this.#flows) {
      flow.allowance = Math.min(refusalBurst, flow.allowance + (refusalsPerSecond * tickMs) / 1_000);
      for (const entry of flow.waiting) {
        if (flow.allowance < 1) break;
        flow.allowance -= 1;
        flow.waiting.delete(entry);
        this.#held -= 1;
        entry();
      }
      if (flow.waiting.size === 0 && flow.allowance === refusalBurst) this.#flows.delete(name);
    }
    if (this.#flows.size > 0) this.#schedule();
  }
}
