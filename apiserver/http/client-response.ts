import type { OutgoingHttpHeaders } from 'node:http';
import type { CapturedBody } from '../audit/captured-body.ts';

/** What the responses of HTTP/1.1 and of HTTP/2 (in Node's compatible form) have in common. */
export interface NodeResponse {
  readonly headersSent: boolean;
  setHeader(name: string, value: string | string[]): unknown;
  writeHead(status: number, headers: OutgoingHttpHeaders): unknown;
  flushHeaders?(): void;
  write(chunk: Buffer, written?: () => void): boolean;
  end(chunk: Buffer): unknown;
  destroy?(): unknown;
  once(event: 'drain', listener: () => void): unknown;
  on(event: 'close' | 'error', listener: () => void): unknown;
}

/** Made once: an `AbortSignal` else makes an exception with its stack for each. */
const clientGone: Error = new Error('the client has gone');
const nothing: Buffer = Buffer.alloc(0);

/** A reset by the client: `close` follows, which is all that we need. */
const ignoreReset = (): void => undefined;

/** A response to one client, who may go at any time. Writing to one who has gone does nothing. */
export class ClientResponse {
  readonly #raw: NodeResponse;
  /** One listener on the response for each of the two, whoever waits. */
  #closing: (() => void)[] | undefined;
  #draining: (() => void)[] | undefined;
  #written: (() => void) | undefined;
  #abort: AbortController | undefined;
  #gone = false;
  #onHead: ((status: number) => void) | undefined;
  #ended = false;
  /** What is told of the answer's body, when something is. */
  captured: CapturedBody | undefined;
  /** For metrics. */
  status = 0;
  bytes = 0;

  constructor(raw: NodeResponse) {
    this.#raw = raw;
    raw.on('close', () => this.#close());
    raw.on('error', ignoreReset);
  }

  #close(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#abort?.abort(clientGone);
    const closing = this.#closing ?? [];
    this.#closing = undefined;
    for (const listener of closing) listener();
    this.#settleWritten();
    this.#resume();
  }

  /** Whether the connection is closed, by whomever. */
  get gone(): boolean {
    return this.#gone;
  }

  get started(): boolean {
    return this.status !== 0 || this.#raw.headersSent;
  }

  /** Aborts when the client has gone, or the answer is complete. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#gone) this.#abort.abort(clientGone);
    return this.#abort.signal;
  }

  /** From now on what is sent is kept, too. */
  capture(body: CapturedBody): void {
    this.captured = body;
  }

  setHeader(name: string, value: string | string[]): void {
    if (!this.#gone && !this.#ended) this.#raw.setHeader(name, value);
  }

  writeHead(status: number, headers: OutgoingHttpHeaders): void {
    this.status = status;
    this.#onHead?.(status);
    this.#onHead = undefined;
    if (!this.#gone) this.#raw.writeHead(status, headers);
  }

  /** Sends the head now; the body may take long. */
  flushHead(): void {
    if (!this.#gone && !this.#ended) this.#raw.flushHeaders?.();
  }

  /** False when the client wants a pause. */
  write(chunk: Buffer): boolean {
    if (this.#gone || this.#ended) return true;
    this.captured?.add(chunk);
    this.bytes += chunk.length;
    return this.#raw.write(chunk);
  }

  /** Resolves when `chunk` is with the system, and so out of use, or the client has gone. */
  writeOut(chunk: Buffer): Promise<void> {
    if (this.#gone || this.#ended) return Promise.resolve();
    this.captured?.add(chunk);
    this.bytes += chunk.length;
    return new Promise((resolve) => {
      this.#written = resolve;
      this.#raw.write(chunk, () => this.#settleWritten());
    });
  }

  #settleWritten(): void {
    const written = this.#written;
    this.#written = undefined;
    written?.();
  }

  end(chunk?: Buffer): void {
    if (this.#gone || this.#ended) return;
    this.#ended = true;
    this.bytes += chunk?.length ?? 0;
    if (chunk !== undefined) this.captured?.add(chunk);
    this.#raw.end(chunk ?? nothing);
  }

  /** Breaks off: the client must not take what it has for the whole. */
  abort(): void {
    if (this.#gone || this.#ended) return;
    this.#ended = true;
    this.#raw.destroy?.();
  }

  /** Calls back once, when the client has taken what was written, or has gone. */
  onDrain(resume: () => void): void {
    if (this.#gone) {
      resume();
      return;
    }
    if (this.#draining === undefined) this.#raw.once('drain', () => this.#resume());
    this.#draining ??= [];
    this.#draining.push(resume);
  }

  /** Calls back when the answer begins. One listener. */
  onHead(listener: (status: number) => void): void {
    this.#onHead = listener;
  }

  onClose(listener: () => void): void {
    if (this.#gone) {
      listener();
      return;
    }
    this.#closing ??= [];
    this.#closing.push(listener);
  }

  #resume(): void {
    const waiting = this.#draining ?? [];
    this.#draining = undefined;
    for (const resume of waiting) resume();
  }
}
