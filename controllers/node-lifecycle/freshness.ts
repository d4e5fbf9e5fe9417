/**
 * When each node last showed a sign of life, by the judge's own clock: wall clocks of different machines are never
 * compared. A sign is any change of a token: the renewal of the node's Lease, a heartbeat in its status.
 */
export class Freshness {
  readonly #seen = new Map<string, { tokens: Map<string, string>; atMs: number }>();

  /** Notes `token` (of one `source`) at judging time `nowMs`; the same token again is no sign of life. */
  observe(node: string, source: string, token: string, nowMs: number): void {
    const known = this.#seen.get(node);
    if (known === undefined) {
      this.#seen.set(node, { tokens: new Map([[source, token]]), atMs: nowMs });
    } else if (known.tokens.get(source) !== token) {
      known.tokens.set(source, token);
      known.atMs = nowMs;
    }
  }

  /** Milliseconds without a sign of life; 0 for a node that is not known. */
  silentMs(node: string, nowMs: number): number {
    const known = this.#seen.get(node);
    return known === undefined ? 0 : nowMs - known.atMs;
  }

  forget(node: string): void {
    this.#seen.delete(node);
  }
}
