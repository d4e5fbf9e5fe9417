import { randomBytes } from 'node:crypto';
import { writeIdBytes } from '../envelope.ts';

/** Names for writes that no other write has: 64 random bits of this process and a count. */
export class WriteIds {
  readonly #process: Buffer = randomBytes(writeIdBytes - 4);
  #count = 0;

  next(): Buffer {
    const id = Buffer.allocUnsafe(writeIdBytes);
    this.#process.copy(id);
    id.writeUInt32BE(this.#count, writeIdBytes - 4);
    this.#count = (this.#count + 1) >>> 0;
    return id;
  }
}
