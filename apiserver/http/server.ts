import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Http2SecureServer, Http2Session, SecureServerOptions, ServerHttp2Session } from 'node:http2';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import { fastify } from 'fastify';
import { StatusError } from '../../api/status-error.ts';
import { type Clock, delay } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { toStatusError } from '../store/storage-failure.ts';
import { errorAnswer, send } from './answer.ts';
import { ClientResponse, type NodeResponse } from './client-response.ts';
import { negotiateError } from './negotiation.ts';

/** Largest request body. */
export const bodyLimitBytes: number = 3 * 1024 * 1024;

/** Longer than clients keep their own idle connections, so that they never meet one that is just closing. */
const idleConnectionMs = 100_000;

/** A request as it comes in, of either HTTP version. */
export interface IncomingRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** In place of `body` where the request is only passed on; left out when it has none. */
  readonly payload?: Readable | undefined;
  /** Stays the same for all requests of a connection. */
  readonly connection: object;
  readonly socket: unknown;
}

export interface HttpServerOptions {
  readonly key: Buffer | string;
  readonly certificate: Buffer | string;
  /** Signs the certificates of clients. */
  readonly clientCa: Buffer | string;
  readonly logger: Logger;
  /** Every request ends here; the response is written by it. */
  serve(request: IncomingRequest, response: ClientResponse): Promise<void>;
  /** An HTTP/1.1 upgrade. */
  upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** One TLS server for HTTP/1.1 and HTTP/2, listening on any number of addresses. */
export class HttpServer {
  readonly #app: App;
  readonly #listeners: NetServer[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #underWay = 0;
  #isDraining = false;
  #onIdle: (() => void) | undefined;

  constructor(options: HttpServerOptions) {
    this.#app = createApp({ ...options, serve: (...request) => this.#serve(options, ...request) });
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
    const listener = createServer({ noDelay: true, keepAlive: true }, (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      this.#app.server.emit('connection', socket);
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
  renew(pems: Pick<HttpServerOptions, 'key' | 'certificate' | 'clientCa'>): void {
    this.#app.server.setSecureContext({
      key: pems.key,
      cert: pems.certificate,
      ca: pems.clientCa,
      minVersion,
    });
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

/** What the requests of both HTTP versions have in common. */
interface RawRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly socket: object;
  readonly stream?: { readonly session?: Http2Session | undefined; readonly endAfterHeaders?: boolean };
}

interface App {
  readonly server: Http2SecureServer;
  ready(): PromiseLike<unknown>;
  close(): PromiseLike<unknown>;
}

function createApp(options: HttpServerOptions): App {
  const app = fastify({
    http2: true,
    https: tlsOptions(options),
    bodyLimit: bodyLimitBytes,
    logger: false,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, _request, reply) => {
      reply.hijack();
      send(new ClientResponse(reply.raw), errorAnswer(toClientError(error), negotiateError(undefined)));
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error: unknown, request, reply) => {
    reply.hijack();
    const response = new ClientResponse(reply.raw);
    if (!response.started)
      send(response, errorAnswer(toClientError(error), negotiateError(request.headers.accept)));
  });
  const serve = async (raw: RawRequest, body: unknown, response: NodeResponse): Promise<void> => {
    const session: Http2Session | undefined = raw.stream?.session;
    const socket: object = session === undefined ? raw.socket : session.socket;
    const { method = 'GET', url = '/', headers } = raw;
    const payload = body instanceof Readable ? body : undefined;
    const incoming = { method, url, headers, body: Buffer.isBuffer(body) ? body : empty, payload, socket };
    await options.serve({ ...incoming, connection: session ?? socket }, new ClientResponse(response));
  };
  app.all('/*', async ({ raw, body }, reply) => {
    reply.hijack();
    await serve(raw, body, reply.raw);
  });
  app.register(async (streamed) => {
    streamed.removeAllContentTypeParsers();
    streamed.addContentTypeParser('*', (_request, body, done) => done(null, body));
    for (const path of streamedPaths)
      streamed.all(path, async ({ raw }, reply) => {
        reply.hijack();
        await serve(raw, hasBody(raw) ? raw : undefined, reply.raw);
      });
  });
  Object.assign(app.server, { keepAliveTimeout: idleConnectionMs });
  app.server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) =>
    options.upgrade(incoming, socket, head),
  );
  app.server.on('tlsClientError', (error: Error) =>
    options.logger.debug({ err: error }, 'TLS handshake failed'),
  );
  return app;
}

const minVersion = 'TLSv1.2';

function tlsOptions(options: HttpServerOptions): SecureServerOptions {
  return {
    allowHTTP1: true,
    key: options.key,
    cert: options.certificate,
    ca: options.clientCa,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion,
    settings: { maxConcurrentStreams: 1_000 },
  };
}

/** Bodies of any length, passed on as they come. */
const streamedPaths = ['pods', 'services'].map((kind) => `/api/v1/namespaces/:namespace/${kind}/:name/proxy`);
streamedPaths.push('/api/v1/nodes/:name/proxy');
streamedPaths.push(...streamedPaths.map((path) => `${path}/*`));

/** HTTP/2 needs no header for it. */
function hasBody({ headers, stream }: RawRequest): boolean {
  if (stream !== undefined) return stream.endAfterHeaders !== true;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

const empty: Buffer = Buffer.alloc(0);

/** Bytes that are no request of HTTP/1.1: what else the connection carries cannot be told apart any more. */
function refuseConnection(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const status = new StatusError({
    reason: tooLarge ? '' : 'BadRequest',
    code: tooLarge ? 431 : 400,
    message: tooLarge ? 'Request Header Fields Too Large' : `malformed HTTP request: ${error.message}`,
  });
  const { body } = errorAnswer(status, negotiateError(undefined));
  const head = [
    `HTTP/1.1 ${status.code} ${tooLarge ? 'Request Header Fields Too Large' : 'Bad Request'}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${String(body)}`);
}

/** Faults of the request that fastify finds by itself. */
function toClientError(error: unknown): StatusError {
  const code = typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : 500;
  if (code === 413)
    return new StatusError({
      reason: 'RequestEntityTooLarge',
      code: 413,
      message: `Request entity too large: limit is ${bodyLimitBytes}`,
    });
  if (typeof code === 'number' && code >= 400 && code < 500)
    return new StatusError({ reason: 'BadRequest', code: 400, message: String(error) });
  return toStatusError(error);
}
