import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { IncomingHttpHeaders as Http2Headers, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import { type Clock, delay } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { type App, createApp, secureContext } from './app.ts';
import { ClientResponse } from './client-response.ts';
import { ConnectionLimits } from './connection-limits.ts';
import { Intake, looksLikeWatch } from './intake.ts';
import { StreamResponse } from './stream-response.ts';

/** A request as it comes in, of either HTTP version. */
export interface IncomingRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values by turns, as they came. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  /** In place of `body` where the request is only passed on; left out when it has none. */
  readonly payload?: Readable | undefined;
  /** Stays the same for all requests of a connection. */
  readonly connection: object;
  readonly socket: unknown;
}

export interface ServerPems {
  readonly key: Buffer | string;
  readonly certificate: Buffer | string;
  /** Those who sign the certificates of clients, and of proxies. */
  readonly clientCa: Buffer | string;
}

export interface HttpServerOptions extends ServerPems {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Every request ends here; the response is written by it. */
  serve(request: IncomingRequest, response: ClientResponse): Promise<void>;
  /** An HTTP/1.1 upgrade. */
  upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** One TLS server for HTTP/1.1 and HTTP/2, listening on any number of addresses. */
export class HttpServer {
  readonly #app: App;
  readonly #intake: Intake;
  readonly #limits: ConnectionLimits;
  readonly #listeners: NetServer[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #underWay = 0;
  #isDraining = false;
  #onIdle: (() => void) | undefined;

  constructor(options: HttpServerOptions) {
    const serve: HttpServerOptions['serve'] = (...request) => this.#serve(options, ...request);
    this.#app = createApp({ ...options, serve });
    this.#limits = new ConnectionLimits(options.clock);
    this.#app.server.on('secureConnection', (socket: Socket) => this.#limits.secured(socket));
    this.#intake = new Intake(options.clock);
    this.#intake.pace(this.#app.server, (stream, headers, rawHeaders) => {
      if (!looksLikeWatch(headers)) return false;
      void serveStream(serve, { stream, headers, rawHeaders });
      return true;
    });
    this.#app.server.on('session', (session: ServerHttp2Session) => {
      this.#sessions.add(session);
      session.once('close', () => this.#sessions.delete(session));
    });
  }

  /** Several processes may listen on one address: the kernel spreads connections over those that live. */
  async listen(addresses: readonly string[], port: number): Promise<void> {
    await this.#app.ready();
    for (const host of addresses) await this.#listenOn(host, port);
  }

  #listenOn(host: string, port: number): Promise<void> {
    // Nothing is read before the TLS socket does it: what Node has read for another, it handles in ways of its own.
    const options = { noDelay: true, keepAlive: true, pauseOnConnect: true };
    const listener = createServer(options, (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      if (!this.#limits.enter(socket)) return;
      this.#intake.connect(socket, () => {
        if (!socket.destroyed) this.#app.server.emit('connection', socket);
      });
    });
    this.#listeners.push(listener);
    return new Promise((resolve, reject) => {
      listener.once('error', reject);
      listener.listen({ host, port, reusePort: true }, () => {
        listener.removeListener('error', reject);
        resolve();
      });
    });
  }

  /** New connections are made by these; open ones stay. */
  renew(pems: ServerPems): void {
    this.#app.server.setSecureContext(secureContext(pems));
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** The port of the first address, for tests that let the system choose. */
  get port(): number {
    const address = this.#listeners[0]?.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** No new connections; those that are open go on. */
  stopListening(): void {
    for (const listener of this.#listeners) listener.close();
  }

  /** Sends clients elsewhere. Resolves when what is under way is answered, at the latest after `limitMs`. */
  async drain(clock: Clock, limitMs: number): Promise<void> {
    this.#isDraining = true;
    // GOAWAY: streams that are open go on to their end, new ones need another connection.
    for (const session of this.#sessions) session.close();
    if (this.#underWay === 0) return;
    const idle = new AbortController();
    this.#onIdle = () => idle.abort();
    await delay(clock, limitMs, idle.signal);
  }

  async #serve(
    options: HttpServerOptions,
    incoming: IncomingRequest,
    response: ClientResponse,
  ): Promise<void> {
    this.#underWay += 1;
    response.onClose(() => {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#onIdle?.();
    });
    const isHttp1 = incoming.connection === incoming.socket;
    if (this.#isDraining && isHttp1) response.setHeader('connection', 'close');
    await options.serve(incoming, response);
  }

  async close(): Promise<void> {
    this.stopListening();
    for (const socket of this.#sockets) socket.destroy();
    await this.#app.close();
  }
}

interface StreamHead {
  readonly stream: ServerHttp2Stream;
  readonly headers: Http2Headers;
  readonly rawHeaders: readonly string[];
}

/** A watch over HTTP/2, past fastify. */
function serveStream(serve: HttpServerOptions['serve'], head: StreamHead): Promise<void> {
  const { stream, headers, rawHeaders } = head;
  const { session } = stream;
  const { ':method': method = 'GET', ':path': url = '/' } = headers;
  const socket = session?.socket;
  const connection = session ?? stream;
  const incoming = { method, url, headers, rawHeaders, body: empty, payload: undefined, connection, socket };
  return serve(incoming, new ClientResponse(new StreamResponse(stream)));
}

const empty: Buffer = Buffer.alloc(0);
