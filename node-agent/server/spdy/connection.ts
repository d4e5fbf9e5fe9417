/**
 * The server's side of a SPDY/3.1 connection over any byte stream (a socket, or the messages of a WebSocket). Clients
 * open streams; each is a `Duplex` here.
 *
 * Flow: Kubernetes' own implementation ignores SPDY's windows, sends no updates and expects none. So what we send is
 * bounded by the transport alone: a write is done when the transport has taken it. What we receive is read from the
 * transport only while every stream has room; a stream that its reader leaves full holds the whole connection up, as it
 * does in Kubernetes. Clients that count windows are given updates as their data is taken.
 *
 * INVARIANTS:
 * - At most `streamBufferBytes` and one transport chunk are held for a stream in each direction.
 * - Frames are applied in the order in which they come.
 */
import type { Duplex } from 'node:stream';
import {
  dataFrame,
  type Frame,
  FrameParser,
  goAwayFrame,
  pingFrame,
  replyFrame,
  resetFrame,
  resetStatus,
  windowFrame,
} from './frames.ts';
import { HeaderReader, HeaderWriter } from './header-block.ts';
import { SpdyStream } from './stream.ts';

/** Two for each forwarded connection. */
const maxStreams = 2_000;
/** A client that counts has 64 KiB at first; it is told of more when half of that is used. */
const windowStepBytes = 32 * 1024;
const noHeaders: ReadonlyMap<string, string> = new Map();

export class SpdyConnection {
  readonly #transport: Duplex;
  readonly #onStream: (stream: SpdyStream) => void;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #reader = new HeaderReader();
  readonly #writer = new HeaderWriter();
  #lastId = 0;
  #taken = 0;

  constructor(transport: Duplex, onStream: (stream: SpdyStream) => void) {
    this.#transport = transport;
    this.#onStream = onStream;
  }

  /** Until the client has gone, or has sent what is no SPDY. All streams are destroyed then. */
  async run(): Promise<void> {
    const parser = new FrameParser();
    try {
      for await (const chunk of this.#transport)
        for (const frame of parser.read(chunk)) await this.#apply(frame);
    } finally {
      this.#reader.close();
      this.#transport.destroy();
      for (const stream of this.#streams.values()) stream.abort();
      this.#streams.clear();
    }
  }

  /** Says that no more streams are taken. The client closes the connection when it has read what there is. */
  goAway(): void {
    this.#send(goAwayFrame(this.#lastId));
  }

  destroy(): void {
    this.#transport.destroy();
  }

  async #apply(frame: Frame): Promise<void> {
    switch (frame.kind) {
      case 'stream':
        return this.#open(frame.id, frame.fin, await this.#reader.read(frame.headers));
      case 'headers':
        await this.#reader.read(frame.headers);
        if (frame.fin) this.#streams.get(frame.id)?.finish();
        return;
      case 'data':
        return this.#deliver(frame.id, frame.data, frame.fin);
      case 'reset': {
        const stream = this.#streams.get(frame.id);
        this.#streams.delete(frame.id);
        stream?.abort();
        return;
      }
      case 'ping':
        // Even ones would be answers to ours.
        if (frame.id % 2 === 1) this.#send(pingFrame(frame.id));
        return;
      case 'goAway':
      case 'window':
      case 'other':
    }
  }

  #open(id: number, fin: boolean, headers: ReadonlyMap<string, string>): void {
    const isNew = id > this.#lastId && id % 2 === 1;
    if (isNew) this.#lastId = id;
    if (!isNew || this.#streams.size >= maxStreams) {
      this.#send(resetFrame(id, isNew ? resetStatus.refused : resetStatus.protocolError));
      return;
    }
    const stream = new SpdyStream({
      id,
      headers,
      send: (data, last, done) => this.#transport.write(dataFrame(id, data, last), () => done()),
      reset: () => {
        if (this.#streams.delete(id)) this.#send(resetFrame(id, resetStatus.cancel));
      },
      closed: () => this.#streams.delete(id),
    });
    this.#streams.set(id, stream);
    this.#send(replyFrame(id, this.#writer.write(noHeaders)));
    if (fin) stream.finish();
    this.#onStream(stream);
  }

  async #deliver(id: number, data: Buffer, fin: boolean): Promise<void> {
    const stream = this.#streams.get(id);
    // Data that crossed the end of its stream.
    if (stream !== undefined) {
      await stream.deliver(data);
      if (fin) stream.finish();
      const credit = stream.credit(data.length, windowStepBytes);
      if (credit > 0) this.#send(windowFrame(id, credit));
    }
    this.#taken += data.length;
    if (this.#taken < windowStepBytes) return;
    this.#send(windowFrame(0, this.#taken));
    this.#taken = 0;
  }

  #send(frame: Buffer): void {
    if (!this.#transport.destroyed && !this.#transport.writableEnded) this.#transport.write(frame);
  }
}
