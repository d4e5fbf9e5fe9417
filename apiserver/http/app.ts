/**
 * fastify around Node's server for HTTP/1.1 and HTTP/2: it reads bodies and finds faults of the protocol. Every request
 * goes to one function, which writes the response itself.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Http2SecureServer, Http2Session, SecureServerOptions } from 'node:http2';
import type { Socket } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import { fastify } from 'fastify';
import { StatusError } from '../../api/status-error.ts';
import { toStatusError } from '../store/storage-failure.ts';
import { errorAnswer, send } from './answer.ts';
import { ClientResponse, type NodeResponse } from './client-response.ts';
import { negotiateError } from './negotiation.ts';
import type { HttpServerOptions } from './server.ts';

/** Largest request body. */
const bodyLimitBytes = 3 * 1024 * 1024;

/** Longer than clients keep their own idle connections, so that they never meet one that is just closing. */
const idleConnectionMs = 100_000;

/** What the requests of both HTTP versions have in common. */
interface RawRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly socket: object;
  readonly stream?: { readonly session?: Http2Session | undefined; readonly endAfterHeaders?: boolean };
}

export interface App {
  readonly server: Http2SecureServer;
  ready(): PromiseLike<unknown>;
  close(): PromiseLike<unknown>;
}

export function createApp(options: HttpServerOptions): App {
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

export const minTlsVersion = 'TLSv1.2';

function tlsOptions(options: HttpServerOptions): SecureServerOptions {
  return {
    allowHTTP1: true,
    key: options.key,
    cert: options.certificate,
    ca: options.clientCa,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: minTlsVersion,
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
