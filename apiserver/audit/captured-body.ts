/** Larger bodies are left out of the log: the event says so. */
export const maxBodyBytes: number = 100 * 1024;

/** The beginning of an answer as it was sent: a little more than is told of, so that it is seen when it is too much. */
export class CapturedBody {
  #parts: Buffer[] = [];
  #bytes = 0;

  /** Copies: the buffer of `part` is used again. */
  add(part: Buffer): void {
    if (this.#bytes > maxBodyBytes || part.length === 0) return;
    const kept = Buffer.from(part.subarray(0, maxBodyBytes + 1 - this.#bytes));
    this.#parts.push(kept);
    this.#bytes += kept.length;
  }

  read(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
