import http2 from 'node:http2';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/invariant.ts';
import type { RawRequest, RawResponse } from './client.ts';
import type { Connection } from './connection.ts';
import { TransportError } from './transport-error.ts';

const {
  HTTP2_HEADER_METHOD,
  HTTP2_HEADER_PATH,
  HTTP2_HEADER_STATUS,
  NGHTTP2_REFUSED_STREAM,
  NGHTTP2_CANCEL,
} = http2.constants;

/** How often a request that no server can have begun, or a read, is sent again. */
const maxResends = 5;

export interface TransportOptions {
  readonly connection: Pick<Connection, 'session' | 'trackRepeatable' | 'trackAwaited' | 'isAnswered'>;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** A body as it comes. An iteration that breaks off rejects. */
export interface BodyStream extends AsyncIterable<Buffer> {
  destroy(): unknown;
}

export interface StreamingResponse {
  readonly status: number;
  readonly stream: BodyStream;
}

/** How requests reach a server and answers come back: `Transport` over HTTP/2, or the simulation's wire. */
export interface RequestTransport {
  /** @throws TransportError when no whole answer came in time; abort of the request's signal included. */
  send(request: RawRequest): Promise<RawResponse>;
  /** Opens a stream and resolves with its status; the caller reads the body. No deadline but `signal`. */
  open(request: RawRequest, signal: AbortSignal): Promise<StreamingResponse>;
  /** Whether a server answers, by what is known now. */
  isConnected(): boolean;
}

/** Requests over a `Connection`. Resends what was never sent, and reads; never a write that may have arrived. */
export class Transport implements RequestTransport {
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  isConnected(): boolean {
    return this.#options.connection.isAnswered;
  }

  async send(request: RawRequest): Promise<RawResponse> {
    const deadline = this.#deadline(request);
    try {
      for (let resends = 0; ; resends += 1) {
        const session = await this.#options.connection.session(deadline.signal);
        const outcome = await this.#exchange(session, request, deadline.signal);
        if ('response' in outcome) return outcome.response;
        const mayResend = !outcome.begun || request.method === 'GET';
        if (!mayResend || resends >= maxResends || deadline.signal.aborted)
          throw new TransportError(`${request.method} ${request.path}: ${outcome.why}`, {
            cause: outcome.cause,
          });
      }
    } finally {
      deadline.cancel();
    }
  }

  async open(request: RawRequest, signal: AbortSignal): Promise<StreamingResponse> {
    const { connection } = this.#options;
    const session = await connection.session(signal);
    const stream = session.request(this.#headersOf(request), { endStream: true });
    connection.trackRepeatable(session, stream);
    connection.trackAwaited(stream, 'response');
    const onAbort = (): void => stream.close(NGHTTP2_CANCEL);
    signal.addEventListener('abort', onAbort, { once: true });
    stream.once('close', () => signal.removeEventListener('abort', onAbort));
    return new Promise((resolve, reject) => {
      stream.once('response', (headers) => resolve({ status: Number(headers[HTTP2_HEADER_STATUS]), stream }));
      stream.on('error', (error) => reject(broken(request, error)));
      stream.once('close', () => reject(broken(request, undefined)));
    });
  }

  #exchange(session: http2.ClientHttp2Session, request: RawRequest, signal: AbortSignal): Promise<Outcome> {
    return new Promise((resolve) => {
      let stream: http2.ClientHttp2Stream;
      try {
        stream = session.request(this.#headersOf(request), { endStream: request.body === undefined });
      } catch (error) {
        // The session closed between being handed out and being used.
        return resolve({ begun: false, why: messageOf(error), cause: error });
      }
      const { connection } = this.#options;
      if (request.method === 'GET') connection.trackRepeatable(session, stream);
      connection.trackAwaited(stream, 'close');
      const answer = new Answer(stream);
      const onAbort = (): void => stream.close(NGHTTP2_CANCEL);
      signal.addEventListener('abort', onAbort, { once: true });
      stream.once('close', () => {
        signal.removeEventListener('abort', onAbort);
        resolve(answer.outcome(signal));
      });
      if (request.body !== undefined) stream.end(request.body);
    });
  }

  #headersOf(request: RawRequest): http2.OutgoingHttpHeaders {
    return {
      ...this.#options.headers,
      ...request.headers,
      [HTTP2_HEADER_METHOD]: request.method,
      [HTTP2_HEADER_PATH]: request.path,
    };
  }

  #deadline(request: RawRequest): { readonly signal: AbortSignal; cancel(): void } {
    const abort = new AbortController();
    const onAbort = (): void => abort.abort(new Error('request aborted'));
    if (request.signal?.aborted === true) onAbort();
    request.signal?.addEventListener('abort', onAbort, { once: true });
    const timer = this.#options.clock.setTimer(this.#options.requestTimeoutMs, () =>
      abort.abort(new Error(`no answer within ${this.#options.requestTimeoutMs} ms`)),
    );
    return {
      signal: abort.signal,
      cancel: () => {
        timer.cancel();
        request.signal?.removeEventListener('abort', onAbort);
      },
    };
  }
}

type Outcome =
  | { readonly response: RawResponse }
  /** `begun`: a server may have seen the request. */
  | { readonly begun: boolean; readonly why: string; readonly cause: unknown };

/** Collects what comes on one stream. */
class Answer {
  readonly #stream: http2.ClientHttp2Stream;
  readonly #chunks: Buffer[] = [];
  #headers: (http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader) | undefined;
  #ended = false;
  #sent = false;
  #error: unknown;

  constructor(stream: http2.ClientHttp2Stream) {
    this.#stream = stream;
    if (!stream.pending) this.#sent = true;
    stream.once('ready', () => {
      this.#sent = true;
    });
    stream.once('response', (headers) => {
      this.#headers = headers;
    });
    stream.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
    stream.once('end', () => {
      this.#ended = true;
    });
    stream.on('error', (error) => {
      this.#error = error;
    });
  }

  outcome(signal: AbortSignal): Outcome {
    const headers = this.#headers;
    const whole = this.#ended && this.#stream.rstCode === 0 && this.#error === undefined;
    if (headers !== undefined && whole)
      return {
        response: { status: headers[':status'] ?? 0, headers, body: Buffer.concat(this.#chunks) },
      };
    const cause = signal.aborted ? signal.reason : this.#error;
    const begun = this.#sent && this.#stream.rstCode !== NGHTTP2_REFUSED_STREAM;
    return {
      begun,
      why: cause === undefined ? 'connection closed before the answer' : messageOf(cause),
      cause,
    };
  }
}

function broken(request: RawRequest, cause: unknown): TransportError {
  const why = cause === undefined ? 'stream closed before the answer' : messageOf(cause);
  return new TransportError(`${request.method} ${request.path}: ${why}`, { cause });
}
