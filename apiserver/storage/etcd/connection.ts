/**
 * One HTTP/2 connection to one etcd member, speaking gRPC: unary calls and the watch's stream.
 *
 * Every call has a deadline. A connection whose peer is stopped or unreachable looks alive to TCP for minutes, so
 * pings probe it; one that stays unanswered ends the connection and with it everything that waits on it.
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import type { Clock, Timer } from '../../../base/clock.ts';
import { GrpcError, grpcStatus } from './grpc-error.ts';

const connectTimeoutMs = 3_000;
const pingPeriodMs = 3_000;
const pingTimeoutMs = 5_000;
const windowBytes = 8 * 1024 * 1024;
/** Larger answers are not read. The largest that is meant is that of 64 deletions, of 1.5 MB each. */
const maxResponseBytes = 128 * 1024 * 1024;

export interface EtcdTls {
  readonly ca: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
}

/** One stream of messages in both directions. */
export interface GrpcStream {
  readonly messages: AsyncIterable<Buffer>;
  send(frame: Buffer): void;
  close(): void;
}

export class EtcdConnection {
  readonly endpoint: string;
  readonly #clock: Clock;
  readonly #session: ClientHttp2Session;
  #pinging: Timer | undefined;
  #closed = false;
  #failure: Error | undefined;

  private constructor(endpoint: string, session: ClientHttp2Session, clock: Clock) {
    this.endpoint = endpoint;
    this.#session = session;
    this.#clock = clock;
    session.setLocalWindowSize(windowBytes);
    session.on('error', (error) => {
      this.#failure = error;
    });
    session.on('goaway', () => this.close());
    session.on('close', () => this.#onClose());
    this.#schedulePing();
  }

  /** @throws GrpcError, not sent. */
  static open(
    endpoint: string,
    options: { readonly clock: Clock; readonly tls?: EtcdTls | undefined },
  ): Promise<EtcdConnection> {
    const session = connect(endpoint, {
      ...options.tls,
      settings: { enablePush: false, initialWindowSize: windowBytes },
      maxSessionMemory: 512,
    });
    return new Promise((resolve, reject) => {
      const onError = (cause: Error): void => {
        timer.cancel();
        session.destroy();
        const message = `connect to etcd at ${endpoint}`;
        reject(new GrpcError({ status: grpcStatus.unavailable, message, sent: false, cause }));
      };
      const timer = options.clock.setTimer(connectTimeoutMs, () => onError(new Error('no answer')));
      session.once('error', onError);
      session.once('connect', () => {
        timer.cancel();
        const connection = new EtcdConnection(endpoint, session, options.clock);
        session.off('error', onError);
        resolve(connection);
      });
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Calls in flight finish. */
  close(): void {
    this.#closed = true;
    this.#pinging?.cancel();
    if (!this.#session.destroyed) this.#session.close();
  }

  /** Everything in flight fails. */
  destroy(): void {
    this.close();
    this.#session.destroy();
  }

  /** @returns the response message. @throws GrpcError */
  unary(path: string, frame: Buffer, timeoutMs: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let stream: ClientHttp2Stream;
      try {
        stream = this.#request(path, { 'grpc-timeout': `${Math.ceil(timeoutMs)}m` });
      } catch (cause) {
        reject(this.#lost(path, false, cause));
        return;
      }
      const answer = new Answer();
      const timer = this.#clock.setTimer(timeoutMs, () => {
        reject(
          new GrpcError({ status: grpcStatus.deadlineExceeded, message: `${path}: no answer`, sent: true }),
        );
        stream.close(constants.NGHTTP2_CANCEL);
      });
      answer.listen(stream);
      stream.on('close', () => {
        timer.cancel();
        const refused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
        if (answer.status === undefined) reject(this.#lost(path, !refused, answer.failure ?? this.#failure));
        else if (answer.status !== 0) reject(answer.error());
        else if (answer.body === undefined)
          reject(this.#lost(path, true, new Error('the answer is cut short')));
        else resolve(answer.body);
      });
      stream.end(frame);
    });
  }

  stream(path: string): GrpcStream {
    const stream = this.#request(path, {});
    const answer = new Answer();
    answer.listenToStatus(stream);
    return {
      messages: this.#messages(path, stream, answer),
      send: (frame) => void stream.write(frame),
      close: () => stream.close(constants.NGHTTP2_CANCEL),
    };
  }

  /** Ends the connection unless the peer answers soon. */
  probe(): void {
    this.#pinging?.cancel();
    this.#ping();
  }

  async *#messages(path: string, stream: ClientHttp2Stream, answer: Answer): AsyncGenerator<Buffer> {
    const frames = new FrameReader();
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        frames.push(chunk);
        for (let frame = frames.next(); frame !== undefined; frame = frames.next()) yield frame;
      }
    } catch (cause) {
      throw this.#lost(path, true, cause);
    } finally {
      stream.close(constants.NGHTTP2_CANCEL);
    }
    const status = answer.status ?? grpcStatus.unavailable;
    throw new GrpcError({ status, message: answer.message || `${path}: the stream ended`, sent: true });
  }

  #request(path: string, headers: Readonly<Record<string, string>>): ClientHttp2Stream {
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      // etcd ends a call or a watch on a member that has lost its leader instead of leaving it silent.
      hasleader: 'true',
      ...headers,
    });
    stream.on('error', () => undefined);
    return stream;
  }

  #lost(path: string, sent: boolean, cause: unknown): GrpcError {
    const message = `${path}: the connection to ${this.endpoint} ended`;
    return new GrpcError({ status: grpcStatus.unavailable, message, sent, cause });
  }

  #schedulePing(): void {
    this.#pinging = this.#clock.setTimer(pingPeriodMs, () => this.#ping(), { unref: true });
  }

  #ping(): void {
    if (this.#session.destroyed) return;
    const deadline = this.#clock.setTimer(pingTimeoutMs, () => this.destroy(), { unref: true });
    const isSent = this.#session.ping((error) => {
      deadline.cancel();
      if (error === null && !this.#closed) this.#schedulePing();
    });
    // Too many pings are outstanding: the one under way decides.
    if (!isSent) deadline.cancel();
  }

  #onClose(): void {
    this.#closed = true;
    this.#pinging?.cancel();
  }
}

/** A unary answer as it comes in: headers, data, trailers. */
class Answer {
  status: number | undefined;
  message = '';
  failure: Error | undefined;
  readonly #chunks: Buffer[] = [];
  /** As its prefix says; 0 while that is not known. */
  #size = 0;

  /** The one message of the body; undefined when it is not whole. */
  get body(): Buffer | undefined {
    const [only, ...more] = this.#chunks;
    const body = more.length === 0 ? only : Buffer.concat(this.#chunks);
    return body !== undefined && body.length >= 5 && body.length === frameLength(body)
      ? body.subarray(5)
      : undefined;
  }

  listen(stream: ClientHttp2Stream): void {
    this.listenToStatus(stream);
    stream.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      if (this.#size === 0) this.#size = this.#announced();
      if (this.#size <= maxResponseBytes) return;
      this.#chunks.length = 0;
      this.status ??= grpcStatus.resourceExhausted;
      this.message = `the answer is larger than max (${this.#size} vs. ${maxResponseBytes})`;
      stream.close(constants.NGHTTP2_CANCEL);
    });
  }

  error(): GrpcError {
    const { status = grpcStatus.unknown, message } = this;
    const answerBytes = this.#size > maxResponseBytes ? this.#size : undefined;
    return new GrpcError({ status, message, sent: true, answerBytes });
  }

  /** Length of the message; 0 while too little of it is there to know. */
  #announced(): number {
    const [first, ...more] = this.#chunks;
    if (first === undefined) return 0;
    const start = more.length === 0 ? first : Buffer.concat(this.#chunks);
    return start.length < 5 ? 0 : frameLength(start);
  }

  listenToStatus(stream: ClientHttp2Stream): void {
    stream.on('error', (error: Error) => {
      this.failure = error;
    });
    stream.on('response', (headers) => this.#readStatus(headers));
    stream.on('trailers', (headers) => this.#readStatus(headers));
  }

  #readStatus(headers: IncomingHttpHeaders): void {
    const status = headers['grpc-status'];
    if (typeof status !== 'string') return;
    this.status = Number(status);
    const message = headers['grpc-message'];
    this.message = typeof message === 'string' ? decodeURIComponent(message) : '';
  }
}

/** Cuts a stream of chunks into messages; a message of many chunks is joined once. */
class FrameReader {
  #chunks: Buffer[] = [];
  #size = 0;
  #needed = 5;

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  next(): Buffer | undefined {
    while (this.#size >= this.#needed) {
      const [first = Buffer.alloc(0), ...more] = this.#chunks;
      const joined = more.length === 0 ? first : Buffer.concat(this.#chunks);
      this.#chunks = [joined];
      const length = frameLength(joined);
      this.#needed = length;
      if (this.#size < length) return undefined;
      this.#chunks = [joined.subarray(length)];
      this.#size -= length;
      this.#needed = 5;
      return joined.subarray(5, length);
    }
    return undefined;
  }
}

/** Length of the first frame in `bytes`, its prefix included. */
function frameLength(bytes: Buffer): number {
  return bytes.length < 5 ? 5 : 5 + bytes.readUInt32BE(1);
}
