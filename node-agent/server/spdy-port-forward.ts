/**
 * Port forwarding as kubectl does it: over one SPDY connection, two streams for each connection to a port, one for its
 * data and one for what went wrong with it, found together by their `requestID`.
 */
import type { Duplex } from 'node:stream';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { forwardingError, type PortTarget, toPort } from './port-forward.ts';
import { SpdyConnection } from './spdy/connection.ts';
import type { SpdyStream } from './spdy/stream.ts';

export const portForwardProtocol = 'portforward.k8s.io';

/** For the second stream of a pair. */
const pairTimeoutMs = 30_000;

interface Pair {
  data?: SpdyStream;
  error?: SpdyStream;
  readonly expire: { cancel(): void };
}

export interface SpdyPortForwardOptions {
  readonly transport: Duplex;
  readonly target: PortTarget;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Until the client closes the connection. */
export async function runSpdyPortForward(options: SpdyPortForwardOptions): Promise<void> {
  const pairs = new StreamPairs(options);
  await new SpdyConnection(options.transport, (stream) => pairs.add(stream)).run();
  pairs.close();
}

class StreamPairs {
  readonly #options: SpdyPortForwardOptions;
  readonly #waiting = new Map<string, Pair>();

  constructor(options: SpdyPortForwardOptions) {
    this.#options = options;
  }

  add(stream: SpdyStream): void {
    const type = stream.headers.get('streamtype');
    const id = stream.headers.get('requestid') ?? `port ${stream.headers.get('port')}`;
    if (type !== 'data' && type !== 'error') return void stream.duplex.destroy();
    const pair = this.#waiting.get(id) ?? this.#begin(id);
    if (pair[type] !== undefined) return void stream.duplex.destroy();
    pair[type] = stream;
    const { data, error } = pair;
    if (data === undefined || error === undefined) return;
    pair.expire.cancel();
    this.#waiting.delete(id);
    this.#join(data, error);
  }

  close(): void {
    for (const { expire } of this.#waiting.values()) expire.cancel();
    this.#waiting.clear();
  }

  #begin(id: string): Pair {
    const expire = this.#options.clock.setTimer(pairTimeoutMs, () => {
      const pair = this.#waiting.get(id);
      this.#waiting.delete(id);
      pair?.data?.duplex.destroy();
      pair?.error?.duplex.destroy();
    });
    const pair: Pair = { expire };
    this.#waiting.set(id, pair);
    return pair;
  }

  #join(data: SpdyStream, error: SpdyStream): void {
    const text = data.headers.get('port') ?? '';
    const port = toPort(text);
    // Nothing is to come on it; its end must be seen all the same.
    error.duplex.resume();
    if (port === undefined) {
      error.duplex.end(`"${text}" is not a valid port`);
      data.duplex.end();
      return;
    }
    this.#forward(port, data.duplex, error.duplex).catch((failure: unknown) => {
      this.#options.logger.warn({ err: failure, port }, 'forward a port');
      data.duplex.destroy();
      error.duplex.destroy();
    });
  }

  /** Each direction ends for itself. */
  async #forward(port: number, data: Duplex, error: Duplex): Promise<void> {
    const { target } = this.#options;
    const connection = target.connect(port);
    data.once('close', () => connection.close());
    data.pipe(connection.input);
    connection.output.pipe(data);
    const reason = await connection.end;
    data.resume();
    error.end(reason === undefined ? '' : forwardingError(port, target.pod, reason));
    data.end();
  }
}
