import type { Clock } from '../base/clock.ts';

/** As client-go's spam filter: 25 at once, then one every five minutes. */
const burst = 25;
const refillEveryMs = 300_000;
const maxTracked = 4_096;
/** Forgotten at a time: to find the oldest of a map takes as long as many have been deleted from its beginning. */
const forgottenAtOnce = 1_024;

interface Bucket {
  tokens: number;
  refilledAtMs: number;
}

/** A token bucket per object. Objects that were quiet longest are forgotten first. */
export class EventRateLimit {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  admits(objectUid: string): boolean {
    const now = this.#clock.monotonicMs();
    const bucket = this.#buckets.get(objectUid) ?? { tokens: burst, refilledAtMs: now };
    const refill = Math.floor((now - bucket.refilledAtMs) / refillEveryMs);
    if (refill > 0) {
      bucket.tokens = Math.min(burst, bucket.tokens + refill);
      bucket.refilledAtMs += refill * refillEveryMs;
    }
    this.#touch(objectUid, bucket);
    if (bucket.tokens === 0) return false;
    bucket.tokens -= 1;
    return true;
  }

  #touch(objectUid: string, bucket: Bucket): void {
    this.#buckets.delete(objectUid);
    this.#buckets.set(objectUid, bucket);
    if (this.#buckets.size <= maxTracked) return;
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest);
      if (this.#buckets.size <= maxTracked - forgottenAtOnce) return;
    }
  }
}
