import { Duplex } from 'node:stream';

/** Held for one stream that nobody reads, before its whole connection waits. */
const streamBufferBytes = 256 * 1024;

export interface SpdyStreamOptions {
  readonly id: number;
  readonly headers: ReadonlyMap<string, string>;
  /** Calls `done` when the transport has taken it. */
  send(data: Buffer, last: boolean, done: () => void): void;
  /** Ends the stream at once, both ways. */
  reset(): void;
  /** Both sides have ended it. */
  closed(): void;
}

const nothing: Buffer = Buffer.alloc(0);

/** One stream that the client has opened. `end()` of the duplex is the end of our half; `destroy()` resets. */
export class SpdyStream {
  readonly headers: ReadonlyMap<string, string>;
  readonly duplex: Duplex;
  readonly #options: SpdyStreamOptions;
  #makeRoom: (() => void) | undefined;
  #theirsEnded = false;
  #oursEnded = false;
  #uncredited = 0;

  constructor(options: SpdyStreamOptions) {
    this.#options = options;
    this.headers = options.headers;
    this.duplex = new Duplex({
      readableHighWaterMark: streamBufferBytes,
      autoDestroy: false,
      read: () => this.#makeRoom?.(),
      write: (chunk: Buffer, _encoding, done) => options.send(chunk, false, () => done()),
      final: (done) => {
        this.#oursEnded = true;
        options.send(nothing, true, () => done());
        this.#closeIfEnded();
      },
      destroy: (_error, done) => {
        if (!this.#theirsEnded || !this.#oursEnded) options.reset();
        this.#makeRoom?.();
        done(null);
      },
    });
    // The end of the connection ends every stream; whoever uses one sees that in its `close`.
    this.duplex.on('error', () => undefined);
  }

  /** Resolves when there is room for more. */
  async deliver(data: Buffer): Promise<void> {
    if (this.duplex.destroyed || this.#theirsEnded || data.length === 0 || this.duplex.push(data)) return;
    await new Promise<void>((resolve) => {
      this.#makeRoom = resolve;
    });
    this.#makeRoom = undefined;
  }

  /** The client has ended its half. */
  finish(): void {
    if (this.#theirsEnded) return;
    this.#theirsEnded = true;
    if (!this.duplex.destroyed) this.duplex.push(null);
    this.#closeIfEnded();
  }

  /** The client, or its connection, is gone. */
  abort(): void {
    this.#theirsEnded = true;
    this.#oursEnded = true;
    this.duplex.destroy();
  }

  /** Bytes to tell the client of, once there are enough of them. */
  credit(bytes: number, step: number): number {
    this.#uncredited += bytes;
    if (this.#uncredited < step) return 0;
    const credit = this.#uncredited;
    this.#uncredited = 0;
    return credit;
  }

  #closeIfEnded(): void {
    if (this.#theirsEnded && this.#oursEnded) this.#options.closed();
  }
}
