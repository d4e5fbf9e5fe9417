/**
 * Protobuf's wire format, as much of it as etcd's messages need.
 * @see https://protobuf.dev/programming-guides/encoding/
 */
const varintType = 0;
const bytesType = 2;

/**
 * Writes a message from its end to its beginning, so that the length of a nested message is known when its header is
 * due, and every byte is copied once. Fields and elements are therefore written last first.
 */
export class ReverseWriter {
  #buffer: Buffer;
  #start: number;

  constructor(sizeHint = 256) {
    this.#buffer = Buffer.allocUnsafe(sizeHint);
    this.#start = sizeHint;
  }

  /** What is written so far. */
  get result(): Buffer {
    return this.#buffer.subarray(this.#start);
  }

  get length(): number {
    return this.#buffer.length - this.#start;
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#start -= bytes.length;
    this.#buffer.set(bytes, this.#start);
  }

  bytes(field: number, value: Uint8Array): void {
    this.raw(value);
    this.#header(field, value.length);
  }

  text(field: number, value: string): void {
    this.bytes(field, Buffer.from(value));
  }

  /** A non-negative integer below 2^53. */
  integer(field: number, value: number): void {
    this.#varint(value);
    this.#varint(field * 8 + varintType);
  }

  /** The field `field` holds the message that `write` writes. */
  nested(field: number, write: () => void): void {
    const before = this.length;
    write();
    this.#header(field, this.length - before);
  }

  #header(field: number, length: number): void {
    this.#varint(length);
    this.#varint(field * 8 + bytesType);
  }

  #varint(value: number): void {
    let size = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1;
    this.#reserve(size);
    this.#start -= size;
    let at = this.#start;
    for (let rest = value; ; rest = Math.floor(rest / 128)) {
      size -= 1;
      this.#buffer[at++] = (rest % 128) + (size > 0 ? 128 : 0);
      if (size === 0) return;
    }
  }

  #reserve(bytes: number): void {
    if (this.#start >= bytes) return;
    const written = this.result;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, written.length + bytes));
    this.#start = grown.length - written.length;
    written.copy(grown, this.#start);
    this.#buffer = grown;
  }
}

const empty: Buffer = Buffer.alloc(0);

/**
 * Goes through the fields of a message in wire order: `next`, then what it stands at. Integers above 2^53 lose their low
 * bits: no field that we compare is so big. There is one of these for each message, and nothing else for each field: every
 * write comes back through here twice.
 */
export class WireReader {
  readonly #message: Buffer;
  #at = 0;
  #start = 0;
  field = 0;
  /** Of a varint; else 0. */
  number = 0;

  constructor(message: Buffer) {
    this.#message = message;
  }

  /** Of everything with a length: a view, not a copy. */
  get bytes(): Buffer {
    return this.#start < 0 ? empty : this.#message.subarray(this.#start, this.#at);
  }

  /** @returns false at the end. @throws RangeError for what is no message */
  next(): boolean {
    const { length } = this.#message;
    while (this.#at < length) {
      const tag = this.#varint();
      this.field = Math.floor(tag / 8);
      this.number = 0;
      this.#start = -1;
      switch (tag % 8) {
        case varintType:
          this.number = this.#varint();
          return true;
        case bytesType: {
          const size = this.#varint();
          this.#start = this.#at;
          this.#at += size;
          if (this.#at > length) throw new RangeError('read protobuf: the message is cut short');
          return true;
        }
        case 1:
          this.#at += 8;
          break;
        case 5:
          this.#at += 4;
          break;
        default:
          throw new RangeError(`read protobuf: wire type ${tag % 8} is unknown`);
      }
    }
    return false;
  }

  #varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#message[this.#at++];
      if (byte === undefined) throw new RangeError('read protobuf: the message is cut short');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  }
}
