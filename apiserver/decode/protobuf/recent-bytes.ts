/** Of a generation; two are kept, so that all bytes together come to twice as many. */
const generationBytes = 128 * 1024 * 1024;

/**
 * What was encoded of wire JSON lately. An entry goes with the JSON that it was made of, and after so many bytes of others
 * unless it was used in the meantime: whoever lists everything in protobuf does not double what the server holds for good.
 */
export class RecentBytes {
  #young = new WeakMap<Buffer, Buffer>();
  #old = new WeakMap<Buffer, Buffer>();
  #youngBytes = 0;
  readonly #limit: number;

  constructor(limit: number = generationBytes) {
    this.#limit = limit;
  }

  get(json: Buffer): Buffer | undefined {
    const young = this.#young.get(json);
    if (young !== undefined) return young;
    const old = this.#old.get(json);
    if (old !== undefined) this.set(json, old);
    return old;
  }

  set(json: Buffer, bytes: Buffer): void {
    if (this.#youngBytes + bytes.length > this.#limit) {
      this.#old = this.#young;
      this.#young = new WeakMap();
      this.#youngBytes = 0;
    }
    this.#young.set(json, bytes);
    this.#youngBytes += bytes.length;
  }
}
