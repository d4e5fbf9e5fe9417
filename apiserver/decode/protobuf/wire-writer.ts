/** What a writer begins with; it grows with what it has to write. */
const initialBytes = 64 * 1024;
/** A writer that had to write something larger gives the room back. */
const keptBytes = 1024 * 1024;
/** Shorter texts are written by a loop: a call into the engine costs more than so many characters. */
const shortText = 40;

/**
 * Writes one message from its end to its start, so that the length of every part is known when it is to be written, and
 * nothing is measured or moved. Fields come in falling order of their numbers, items of a list from the last to the first.
 */
export class WireWriter {
  #buffer: Buffer = Buffer.allocUnsafeSlow(initialBytes);
  #start = initialBytes;

  /** Bytes written so far. */
  get length(): number {
    return this.#buffer.length - this.#start;
  }

  /** Field number and wire type, as `number * 8 + type`; or any number below 2 ** 31. */
  varint(value: number): void {
    if (value < 0x80) {
      this.#room(1);
      this.#buffer[--this.#start] = value;
      return;
    }
    let bytes = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes += 1;
    this.#room(bytes);
    const start = this.#start - bytes;
    let rest = value;
    for (let at = start; at < this.#start; at += 1) {
      this.#buffer[at] = at + 1 === this.#start ? rest : (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#start = start;
  }

  /** A negative number takes ten bytes, whatever its type. */
  integer(value: number): void {
    if (value >= 0) {
      this.varint(value);
      return;
    }
    this.#room(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    this.#start -= 10;
    for (let at = 0; at < 10; at += 1) {
      this.#buffer[this.#start + at] = Number(rest & 0x7fn) | (at < 9 ? 0x80 : 0);
      rest >>= 7n;
    }
  }

  double(value: number): void {
    this.#room(8);
    this.#start -= 8;
    this.#buffer.writeDoubleLE(value, this.#start);
  }

  /** The length of what has been written since the writer was `before` bytes long, and the tag. */
  close(tag: number, before: number): void {
    this.varint(this.length - before);
    this.varint(tag);
  }

  text(tag: number, value: string): void {
    const before = this.length;
    if (value.length > shortText || !this.#ascii(value)) this.#utf8(value);
    this.close(tag, before);
  }

  bytes(tag: number, value: Uint8Array): void {
    this.#room(value.length);
    this.#start -= value.length;
    this.#buffer.set(value, this.#start);
    this.varint(value.length);
    this.varint(tag);
  }

  /** What has been written, in bytes of its own; the writer begins anew. */
  take(): Buffer {
    const taken = Buffer.allocUnsafeSlow(this.length);
    this.#buffer.copy(taken, 0, this.#start);
    this.clear();
    return taken;
  }

  clear(): void {
    if (this.#buffer.length > keptBytes) this.#buffer = Buffer.allocUnsafeSlow(initialBytes);
    this.#start = this.#buffer.length;
  }

  /** @returns false, with nothing written, when a character is not ASCII */
  #ascii(value: string): boolean {
    this.#room(value.length);
    const start = this.#start - value.length;
    for (let at = 0; at < value.length; at += 1) {
      const code = value.charCodeAt(at);
      if (code > 0x7f) return false;
      this.#buffer[start + at] = code;
    }
    this.#start = start;
    return true;
  }

  #utf8(value: string): void {
    const bytes = Buffer.byteLength(value);
    this.#room(bytes);
    this.#start -= bytes;
    this.#buffer.write(value, this.#start, 'utf8');
  }

  #room(bytes: number): void {
    if (this.#start >= bytes) return;
    const written = this.length;
    const grown = Buffer.allocUnsafeSlow(Math.max(2 * this.#buffer.length, written + bytes));
    this.#buffer.copy(grown, grown.length - written, this.#start);
    this.#start = grown.length - written;
    this.#buffer = grown;
  }
}
