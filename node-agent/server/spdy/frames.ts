/**
 * Frames of SPDY/3.1, as far as Kubernetes' streams need them. Data is handed on in the pieces in which it arrives, so
 * that a large frame is never held.
 *
 * @see SPDY/3.1 draft, 2.2 "Framing"
 */

const version = 3;
const headBytes = 8;
const controlBit = 0x80;
const streamIdMask = 0x7fffffff;
const finFlag = 0x01;
/** Streams' headers, compressed, and what little the other control frames have. */
const maxControlBytes = 64 * 1024;

const types = { synStream: 1, synReply: 2, reset: 3, settings: 4, ping: 6, goAway: 7, headers: 8, window: 9 };

/** Why a stream is ended at once. */
export const resetStatus = { protocolError: 1, invalidStream: 2, refused: 3, cancel: 5 } as const;

export type Frame =
  | { readonly kind: 'stream'; readonly id: number; readonly fin: boolean; readonly headers: Buffer }
  /** Headers of a stream that exists: their bytes belong to the compressed stream, whatever they say. */
  | { readonly kind: 'headers'; readonly id: number; readonly fin: boolean; readonly headers: Buffer }
  | { readonly kind: 'data'; readonly id: number; readonly fin: boolean; readonly data: Buffer }
  | { readonly kind: 'reset'; readonly id: number; readonly status: number }
  | { readonly kind: 'ping'; readonly id: number }
  | { readonly kind: 'goAway' }
  | { readonly kind: 'window'; readonly id: number; readonly delta: number }
  /** Settings, and what a later version may add. */
  | { readonly kind: 'other' };

/** Bytes in, frames out. */
export class FrameParser {
  #rest: Buffer = Buffer.alloc(0);
  #data: { readonly id: number; readonly fin: boolean; left: number } | undefined;

  /** @throws Error when it is not SPDY/3 */
  *read(chunk: Buffer): Generator<Frame> {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const frame = this.#data === undefined ? this.#next() : this.#piece(this.#data);
      if (frame === undefined) return;
      if (frame !== 'begun') yield frame;
    }
  }

  #piece(data: { readonly id: number; readonly fin: boolean; left: number }): Frame | undefined {
    if (this.#rest.length === 0 && data.left > 0) return undefined;
    const piece = this.#take(Math.min(data.left, this.#rest.length));
    data.left -= piece.length;
    if (data.left === 0) this.#data = undefined;
    return { kind: 'data', id: data.id, fin: data.fin && data.left === 0, data: piece };
  }

  #next(): Frame | 'begun' | undefined {
    if (this.#rest.length < headBytes) return undefined;
    const length = this.#rest.readUIntBE(5, 3);
    const flags = this.#rest[4] ?? 0;
    if (((this.#rest[0] ?? 0) & controlBit) === 0) {
      const id = this.#take(headBytes).readUInt32BE(0) & streamIdMask;
      this.#data = { id, fin: (flags & finFlag) !== 0, left: length };
      return 'begun';
    }
    if ((this.#rest.readUInt16BE(0) & 0x7fff) !== version) throw new Error('SPDY: not version 3');
    if (length > maxControlBytes) throw new Error('SPDY: a control frame is too long');
    if (this.#rest.length < headBytes + length) return undefined;
    const type = this.#take(headBytes).readUInt16BE(2);
    return controlFrame(type, flags, this.#take(length));
  }

  #take(length: number): Buffer {
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }
}

/** @throws RangeError when the frame is shorter than its type */
function controlFrame(type: number, flags: number, body: Buffer): Frame {
  const fin = (flags & finFlag) !== 0;
  const id = (at = 0): number => body.readUInt32BE(at) & streamIdMask;
  switch (type) {
    case types.synStream:
      return { kind: 'stream', id: id(), fin, headers: body.subarray(10) };
    case types.synReply:
    case types.headers:
      return { kind: 'headers', id: id(), fin, headers: body.subarray(4) };
    case types.reset:
      return { kind: 'reset', id: id(), status: body.readUInt32BE(4) };
    case types.ping:
      return { kind: 'ping', id: body.readUInt32BE(0) };
    case types.goAway:
      return { kind: 'goAway' };
    case types.window:
      return { kind: 'window', id: id(), delta: id(4) };
    default:
      return { kind: 'other' };
  }
}

function control(type: number, flags: number, ...body: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt16BE(0x8000 | version, 0);
  head.writeUInt16BE(type, 2);
  head[4] = flags;
  head.writeUIntBE(
    body.reduce((sum, { length }) => sum + length, 0),
    5,
    3,
  );
  return Buffer.concat([head, ...body]);
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index);
  return bytes;
}

/** A new stream, with its compressed headers. Priority 0, no associated stream. */
export function streamFrame(id: number, headers: Buffer): Buffer {
  return control(types.synStream, 0, words(id, 0), Buffer.alloc(2), headers);
}

export function replyFrame(id: number, headers: Buffer): Buffer {
  return control(types.synReply, 0, words(id), headers);
}

export function dataFrame(id: number, data: Buffer, fin = false): Buffer {
  const head = words(id, data.length);
  head[4] = fin ? finFlag : 0;
  return Buffer.concat([head, data]);
}

export function resetFrame(id: number, status: number): Buffer {
  return control(types.reset, 0, words(id, status));
}

export function pingFrame(id: number): Buffer {
  return control(types.ping, 0, words(id));
}

/** No new streams after the last one. */
export function goAwayFrame(lastStreamId: number): Buffer {
  return control(types.goAway, 0, words(lastStreamId, 0));
}

/** The peer may send so much more. Stream 0 is the connection as a whole. */
export function windowFrame(id: number, delta: number): Buffer {
  return control(types.window, 0, words(id, delta));
}
