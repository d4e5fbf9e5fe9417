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
const maxGroupDepth = 100;

/** Reads one message, field by field. Never copies. */
export class WireReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** Field number and wire type: `number << 3 | type`. @throws WireError */
  tag(): number {
    const tag = this.varint();
    const type = Number(tag & 7n);
    const field = Number(BigInt.asIntN(32, tag >> 3n));
    if (type === wireGroupEnd) throw new WireError('proto: wiretype end group for non-group');
    if (field <= 0) throw new WireError(`proto: illegal tag ${field} (wire type ${tag})`);
    return field * 8 + type;
  }

  /** Unsigned, 64 bits. @throws WireError */
  varint(): bigint {
    const first = this.#bytes[this.#at];
    if (first !== undefined && first < 0x80 && this.#at < this.#end) {
      this.#at++;
      return BigInt(first);
    }
    let value = 0n;
    for (let index = 0; index < maxVarintBytes; index++) {
      if (this.#at >= this.#end) throw new WireError('unexpected EOF');
      const byte = this.#bytes[this.#at++] ?? 0;
      value |= BigInt(byte & 0x7f) << BigInt(7 * index);
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new WireError('proto: integer overflow');
  }

  /** @throws WireError */
  double(): number {
    const start = this.#take(8);
    return this.#bytes.readDoubleLE(start);
  }

  /** The bytes of a length-delimited field, shared with the body. @throws WireError */
  bytes(): Buffer {
    const length = this.varint();
    if (length > 0x7fffffffn) throw new WireError('proto: negative length found during unmarshaling');
    const start = this.#take(Number(length));
    return this.#bytes.subarray(start, start + Number(length));
  }

  /** Passes over a field that nobody asks for. @throws WireError */
  skip(wireType: number, depth = 0): void {
    switch (wireType) {
      case wireVarint:
        this.varint();
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
      const type = Number(this.varint() & 7n);
      if (type === wireGroupEnd) return;
      this.skip(type, depth);
    }
  }

  #take(length: number): number {
    const start = this.#at;
    if (start + length > this.#end) throw new WireError('unexpected EOF');
    this.#at += length;
    return start;
  }
}
