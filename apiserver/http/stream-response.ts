import type { OutgoingHttpHeaders } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { NodeResponse } from './client-response.ts';

/** A response on a bare HTTP/2 stream: without Node's compatible objects around it, which are most of an idle watch. */
export class StreamResponse implements NodeResponse {
  readonly #stream: ServerHttp2Stream;
  /** Until the head is out. */
  #headers: OutgoingHttpHeaders | undefined;

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
    this.#headers = undefined;
  }

  get headersSent(): boolean {
    return this.#stream.headersSent;
  }

  setHeader(name: string, value: string | string[]): void {
    this.#headers ??= {};
    this.#headers[name] = value;
  }

  writeHead(status: number, headers: OutgoingHttpHeaders): void {
    const set = this.#headers;
    this.#headers = undefined;
    if (this.#isOpen) this.#stream.respond({ ':status': status, ...set, ...headers });
  }

  write(chunk: Buffer, written?: () => void): boolean {
    if (this.#isOpen) return this.#stream.write(chunk, written);
    written?.();
    return true;
  }

  end(chunk: Buffer): void {
    if (!this.#isOpen) return;
    if (chunk.length > 0) this.#stream.end(chunk);
    else this.#stream.end();
  }

  /** With an error code: without one, a client that does not read would take it for an end in order. */
  destroy(): void {
    if (!this.#stream.destroyed) this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  once(event: 'drain', listener: () => void): void {
    this.#stream.once(event, listener);
  }

  on(event: 'close' | 'error', listener: () => void): void {
    this.#stream.on(event, listener);
  }

  get #isOpen(): boolean {
    return !this.#stream.closed && !this.#stream.destroyed;
  }
}
