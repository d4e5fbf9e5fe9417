/**
 * Protocol Buffers' wire format: what is needed to read request bodies, and no more.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */

/** Bytes that are no such message. */
export class WireError extends Error {
  readonly code = 'INVALID_PROTOBUF';
}

export const wireVarint = 0;
export const wireFixed64 = 1;
export const wireBytes = 2;
export const wireFixed32 = 5;

const wireGroup = 3;
const wireGroupEnd = 4;
/** A 64-bit number in groups of seven bits. */
const maxVarintBytes = 10;
/** So many groups are exact in a double. */
const exactVarintBytes = 7;
const maxFieldNumber = 2 ** 29 - 1;
const maxGroupDepth = 100;

/** Reads one message, field by field. Never copies. */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Field number and wire type, as `number * 8 + type`. @throws WireError */
  tag(): number {
    const tag = this.unsigned();
    const type = tag % 8;
    const field = Math.floor(tag / 8);
    if (type === wireGroupEnd) throw new WireError('proto: wiretype end group for non-group');
    if (field === 0 || field > maxFieldNumber)
      throw new WireError(`proto: illegal tag ${field} (wire type ${tag})`);
    return tag;
  }

  /** Exact below 2 ** 49. @throws WireError */
  unsigned(): number {
    let value = 0;
    let weight = 1;
    for (let index = 0; index < maxVarintBytes; index++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new WireError('unexpected EOF');
      value += (byte & 0x7f) * weight;
      if (byte < 0x80) return value;
      weight *= 128;
    }
    throw new WireError('proto: integer overflow');
  }

  /** @throws WireError */
  int32(): number {
    const start = this.#at;
    const value = this.unsigned();
    if (this.#at - start <= exactVarintBytes) return value | 0;
    return Number(BigInt.asIntN(32, this.#large(start)));
  }

  /** Exact between -(2 ** 53) and 2 ** 53. @throws WireError */
  int64(): number {
    const start = this.#at;
    const value = this.unsigned();
    if (this.#at - start <= exactVarintBytes) return value;
    return Number(BigInt.asIntN(64, this.#large(start)));
  }

  #large(start: number): bigint {
    let value = 0n;
    for (let at = this.#at - 1; at >= start; at--)
      value = (value << 7n) | BigInt((this.#bytes[at] ?? 0) & 0x7f);
    return value;
  }

  /** @throws WireError */
  double(): number {
    const value = this.#bytes.readDoubleLE(this.#take(8));
    if (!Number.isFinite(value)) throw new WireError(`json: unsupported value: ${value}`);
    return value;
  }

  /** The bytes of a length-delimited field, shared with the body. @throws WireError */
  bytes(): Buffer {
    const length = this.unsigned();
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** @throws WireError */
  text(): string {
    const length = this.unsigned();
    const start = this.#take(length);
    return this.#bytes.toString('utf8', start, start + length);
  }

  /** Passes over a field that nobody asks for. @throws WireError */
  skip(wireType: number, depth = 0): void {
    switch (wireType) {
      case wireVarint:
        this.unsigned();
        return;
      case wireFixed64:
        this.#take(8);
        return;
      case wireBytes:
        this.bytes();
        return;
      case wireFixed32:
        this.#take(4);
        return;
      case wireGroup:
        this.#skipGroup(depth + 1);
        return;
      default:
        throw new WireError(`proto: illegal wireType ${wireType}`);
    }
  }

  #skipGroup(depth: number): void {
    if (depth > maxGroupDepth) throw new WireError('proto: groups are nested too deeply');
    for (;;) {
      const type = this.unsigned() % 8;
      if (type === wireGroupEnd) return;
      this.skip(type, depth);
    }
  }

  #take(length: number): number {
    const start = this.#at;
    if (start + length > this.#bytes.length) throw new WireError('unexpected EOF');
    this.#at = start + length;
    return start;
  }
}
