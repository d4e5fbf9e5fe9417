import http2 from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import { constants, gunzipSync } from 'node:zlib';
import type { ClientConfig } from '../../client/client-config.ts';
import type { FuzzRequest } from './requests.ts';

export interface FuzzAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
  /** A watch or another stream that was left before it ended. */
  readonly isOpen: boolean;
}

/** What Node's own client refuses to send: the raw sender has such things. */
export class Unsendable extends Error {}

export interface Sender {
  send(request: FuzzRequest): Promise<FuzzAnswer>;
  close(): void;
}

/** A stream is left when nothing has come for so long. */
const idleMs = 100;
const answerTimeoutMs = 30_000;

const tlsOf = ({ ca, cert, key }: ClientConfig): { ca?: string; cert?: string; key?: string } => ({
  ...(ca === undefined ? {} : { ca }),
  ...(cert === undefined ? {} : { cert }),
  ...(key === undefined ? {} : { key }),
});

/** Collects an answer; calls `leave` when a stream has gone quiet. */
class Collector {
  readonly #chunks: Buffer[] = [];
  #timer: NodeJS.Timeout | undefined;
  isOpen = false;

  /** The head of an answer has come: what follows may be endless. */
  begin(isStream: boolean, leave: () => void): void {
    if (!isStream) return;
    this.#timer = setTimeout(() => {
      this.isOpen = true;
      leave();
    }, idleMs);
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#timer?.refresh();
  }

  get body(): Buffer {
    clearTimeout(this.#timer);
    return Buffer.concat(this.#chunks);
  }
}

function plain(body: Buffer, encoding: string | undefined): Buffer {
  return encoding === 'gzip' ? gunzipSync(body, { finishFlush: constants.Z_SYNC_FLUSH }) : body;
}

const mayStream = ({ path }: FuzzRequest): boolean => path.includes('watch') || path.includes('/log');

/** Over HTTP/1.1, with connections that are kept. */
export class Http1Sender implements Sender {
  readonly #config: ClientConfig;
  readonly #agent: Agent;

  constructor(config: ClientConfig) {
    this.#config = config;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1, ...tlsOf(config) });
  }

  send({ method, path, headers, body }: FuzzRequest): Promise<FuzzAnswer> {
    const isStream = mayStream({ method, path, headers, body });
    return new Promise((resolve, reject) => {
      let asked: ReturnType<typeof httpsRequest>;
      const length = body === undefined ? {} : { 'content-length': body.length };
      try {
        const url = new URL(this.#config.server);
        asked = httpsRequest({
          ...{ host: url.hostname, port: url.port, method, path, agent: this.#agent },
          ...{ headers: { ...headers, ...length }, timeout: answerTimeoutMs },
        });
      } catch (error) {
        return reject(new Unsendable(String(error)));
      }
      asked.once('timeout', () => asked.destroy(new Error(`no answer within ${answerTimeoutMs} ms`)));
      asked.on('error', (error: Error & { readonly rawPacket?: Buffer }) =>
        reject(new Error(`${error.message} ${error.rawPacket?.toString() ?? ''}`)),
      );
      asked.once('response', (response) => {
        const collector = new Collector();
        collector.begin(isStream, () => response.destroy());
        response.on('data', (chunk: Buffer) => collector.add(chunk));
        response.on('error', (error) => (collector.isOpen ? undefined : reject(error)));
        response.once('close', () =>
          resolve({
            status: response.statusCode ?? 0,
            contentType: String(response.headers['content-type'] ?? ''),
            body: plain(collector.body, response.headers['content-encoding']),
            isOpen: collector.isOpen,
          }),
        );
      });
      asked.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Over one HTTP/2 connection. */
export class Http2Sender implements Sender {
  readonly #config: ClientConfig;
  #session: http2.ClientHttp2Session | undefined;

  constructor(config: ClientConfig) {
    this.#config = config;
  }

  send(request: FuzzRequest): Promise<FuzzAnswer> {
    const session = this.#open();
    return new Promise((resolve, reject) => {
      let stream: http2.ClientHttp2Stream;
      try {
        const pseudo = { ':method': request.method, ':path': request.path };
        const headers = Object.fromEntries(
          Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]),
        );
        stream = session.request({ ...headers, ...pseudo }, { endStream: request.body === undefined });
      } catch (error) {
        return reject(new Unsendable(String(error)));
      }
      const collector = new Collector();
      let head: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {};
      stream.setTimeout(answerTimeoutMs, () =>
        stream.destroy(new Error(`no answer within ${answerTimeoutMs} ms`)),
      );
      stream.once('response', (headers) => {
        head = headers;
        collector.begin(mayStream(request), () => stream.close(http2.constants.NGHTTP2_CANCEL));
      });
      stream.on('data', (chunk: Buffer) => collector.add(chunk));
      stream.on('error', (error) => (collector.isOpen ? undefined : reject(error)));
      stream.once('close', () => {
        const status = head[':status'] ?? 0;
        const contentType = String(head['content-type'] ?? '');
        resolve({
          status,
          contentType,
          body: plain(collector.body, head['content-encoding']),
          isOpen: collector.isOpen,
        });
      });
      if (request.body !== undefined) stream.end(request.body);
    });
  }

  close(): void {
    this.#session?.destroy();
  }

  #open(): http2.ClientHttp2Session {
    const known = this.#session;
    if (known !== undefined && !known.closed && !known.destroyed) return known;
    const session = http2.connect(this.#config.server, tlsOf(this.#config));
    session.on('error', () => session.destroy());
    this.#session = session;
    return session;
  }
}

/** One GET over a connection of its own. */
export async function requestOnce(config: ClientConfig, path: string): Promise<FuzzAnswer> {
  const sender = new Http1Sender(config);
  try {
    return await sender.send({ method: 'GET', path, headers: {}, body: undefined });
  } finally {
    sender.close();
  }
}
