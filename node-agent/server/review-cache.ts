import type { Clock } from '../../base/clock.ts';

export interface Reviewed<Value> {
  readonly value: Value;
  /** How long it may be believed. */
  readonly keepMs: number;
}

interface Kept<Value> {
  readonly value: Value;
  readonly untilMs: number;
}

/** Answers of the API server that are believed for a while. Those who ask the same at the same time share one question. */
export class ReviewCache<Value> {
  readonly #clock: Clock;
  readonly #maxKept: number;
  readonly #maxUnderWay: number;
  /** The oldest first. */
  readonly #kept = new Map<string, Kept<Value>>();
  readonly #underWay = new Map<string, Promise<Value>>();

  constructor(options: { readonly clock: Clock; readonly maxKept: number; readonly maxUnderWay: number }) {
    this.#clock = options.clock;
    this.#maxKept = options.maxKept;
    this.#maxUnderWay = options.maxUnderWay;
  }

  /** Rejects as `ask` does, and when too many are asked about already; nothing is kept then. */
  get(key: string, ask: () => Promise<Reviewed<Value>>): Promise<Value> {
    const kept = this.#kept.get(key);
    if (kept !== undefined && this.#clock.monotonicMs() < kept.untilMs) return Promise.resolve(kept.value);
    const shared = this.#underWay.get(key);
    if (shared !== undefined) return shared;
    if (this.#underWay.size >= this.#maxUnderWay)
      return Promise.reject(new Error(`more than ${this.#maxUnderWay} reviews at a time`));
    const asking = this.#ask(key, ask).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, asking);
    return asking;
  }

  async #ask(key: string, ask: () => Promise<Reviewed<Value>>): Promise<Value> {
    const { value, keepMs } = await ask();
    this.#kept.delete(key);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size < this.#maxKept) break;
      this.#kept.delete(oldest);
    }
    this.#kept.set(key, { value, untilMs: this.#clock.monotonicMs() + keepMs });
    return value;
  }
}
