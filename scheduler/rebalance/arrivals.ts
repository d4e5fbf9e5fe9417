/**
 * Where pods have been moved to. An owner that got a pod on a node by a move keeps it there for a while, and for twice
 * as long each time again: what cannot be foreseen of a load can make a pod come back, but less and less often.
 */
const firstRestMs = 10 * 60_000;
const maxRestMs = 24 * 60 * 60_000;
const maxRemembered = 10_000;

interface Arrival {
  readonly times: number;
  readonly untilMs: number;
}

export class Arrivals {
  readonly #arrivals = new Map<string, Arrival>();

  record(owner: string, node: string, nowMs: number): void {
    const key = `${owner} ${node}`;
    const times = (this.#arrivals.get(key)?.times ?? 0) + 1;
    this.#arrivals.delete(key);
    this.#arrivals.set(key, { times, untilMs: nowMs + Math.min(maxRestMs, firstRestMs * 2 ** (times - 1)) });
    const [oldest] = this.#arrivals.keys();
    if (oldest !== undefined && this.#arrivals.size > maxRemembered) this.#arrivals.delete(oldest);
  }

  rests(owner: string, node: string, nowMs: number): boolean {
    return (this.#arrivals.get(`${owner} ${node}`)?.untilMs ?? 0) > nowMs;
  }
}
