import type { NodeResponse } from '../../apiserver/http/client-response.ts';

/** Where a server's answer goes. */
export interface AnswerSink {
  head(status: number): void;
  chunk(bytes: Buffer): void;
  end(): void;
}

/** The server's end of an exchange. It takes all that is written: readers that are slow are simulated by pauses. */
export class ServerEnd implements NodeResponse {
  readonly #sink: AnswerSink;
  readonly #onClose: (() => void)[] = [];
  #closed = false;
  headersSent = false;

  constructor(sink: AnswerSink) {
    this.#sink = sink;
  }

  setHeader(): void {
    // Nobody reads headers here.
  }

  writeHead(status: number): void {
    this.headersSent = true;
    this.#sink.head(status);
  }

  write(bytes: Buffer): boolean {
    if (!this.#closed) this.#sink.chunk(bytes);
    return true;
  }

  end(bytes: Buffer): void {
    if (this.#closed) return;
    if (bytes.length > 0) this.#sink.chunk(bytes);
    this.#sink.end();
    this.close();
  }

  once(event: 'close' | 'drain', listener: () => void): void {
    if (event === 'close') this.#onClose.push(listener);
  }

  on(): void {
    // It has no errors beside being closed.
  }

  /** The connection is gone. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const listener of this.#onClose) listener();
  }
}
