import { createHash, type Hash } from 'node:crypto';

/** What happened, as a running hash: two runs with the same trace did the same things at the same times. */
export class Trace {
  readonly #hash: Hash = createHash('sha256');
  readonly #lines: string[] = [];
  readonly #keepLines: boolean;

  constructor(keepLines: boolean) {
    this.#keepLines = keepLines;
  }

  add(atMs: number, what: string): void {
    const line = `${atMs.toFixed(3)} ${what}`;
    this.#hash.update(line).update('\n');
    if (this.#keepLines) this.#lines.push(line);
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  digest(): string {
    return this.#hash.copy().digest('hex').slice(0, 16);
  }
}
