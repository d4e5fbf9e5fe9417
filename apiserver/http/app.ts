/**
 * fastify around Node's server for HTTP/1.1 and HTTP/2: it reads bodies and finds faults of the protocol. Every request
 * goes to one function, which writes the response itself.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import {
  constants,
  type Http2SecureServer,
  Http2ServerResponse,
  type Http2Session,
  type SecureServerOptions,
} from 'node:http2';
import type { Socket } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import { fastify } from 'fastify';
import { StatusError } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import { toStatusError } from '../store/storage-failure.ts';
import { errorAnswer, send } from './answer.ts';
import { bodyTimeMs, expectBody } from './body-deadline.ts';
import { ClientResponse, type NodeResponse } from './client-response.ts';
import { handshakeMs } from './connection-limits.ts';
import { negotiateError } from './negotiation.ts';
import type { HttpServerOptions, ServerPems } from './server.ts';

/** Largest request body. */
const bodyLimitBytes = 3 * 1024 * 1024;

/** Longer than clients keep their own idle connections, so that they never meet one that is just closing. */
const idleConnectionMs = 100_000;

/** The head of a request over HTTP/1.1. */
const headMs = 10_000;
/** How often HTTP/1.1 connections are looked at for heads that are late. */
const headCheckMs = 1_000;

/**
 * What one HTTP/2 connection may do. Streams that are open at a time; heads that are longer, or have more fields, are refused;
 * resets beyond a burst end the connection, and so do pings and settings that wait for their answers.
 */
const streamLimits = {
  maxHeaderListPairs: 256,
  streamResetBurst: 500,
  streamResetRate: 50,
  maxSettings: 32,
  maxOutstandingPings: 10,
  maxOutstandingSettings: 10,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
} as const;
const settings = { maxConcurrentStreams: 1_000, maxHeaderListSize: 64 * 1024 } as const;

/** Forward secrecy and authenticated encryption, as Go and so Kubernetes choose them by default. */
const ciphers = [
  ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
  ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
].join(':');

/** What the requests of both HTTP versions have in common. */
interface RawRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
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
    http2SessionTimeout: idleConnectionMs,
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
    const { method = 'GET', url = '/', headers, rawHeaders } = raw;
    const payload = body instanceof Readable ? body : undefined;
    const whole = Buffer.isBuffer(body) ? body : empty;
    const incoming = { method, url, headers, rawHeaders, body: whole, payload, socket };
    await options.serve({ ...incoming, connection: session ?? socket }, new ClientResponse(response));
  };
  const arriving = new WeakMap<object, () => void>();
  app.addHook('onRequest', (request, reply, done) => {
    const { raw, headers } = request;
    if (hasBody(raw)) arriving.set(raw, awaitBody(options.clock, headers, reply.raw));
    done();
  });
  app.addHook('preHandler', ({ raw }, _reply, done) => {
    arriving.get(raw)?.();
    done();
  });
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
  Object.assign(app.server, http1Limits);
  // Node looks for late heads once a server listens; this one is handed its connections.
  app.server.emit('listening');
  app.server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) =>
    options.upgrade(incoming, socket, head),
  );
  app.server.on('tlsClientError', (error: Error) =>
    options.logger.debug({ err: error }, 'TLS handshake failed'),
  );
  return app;
}

/** Bodies have deadlines of their own; the streamed ones have none. */
const http1Limits = {
  keepAliveTimeout: idleConnectionMs,
  headersTimeout: headMs,
  requestTimeout: 0,
  connectionsCheckingInterval: headCheckMs,
  maxHeadersCount: streamLimits.maxHeaderListPairs,
};

function tlsOptions(options: HttpServerOptions): SecureServerOptions {
  return {
    allowHTTP1: true,
    ...secureContext(options),
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: handshakeMs,
    ...{ settings, ...streamLimits },
  };
}

/** What is made anew with the certificates; what is left out then falls back to Node's defaults. */
export function secureContext({ key, certificate, clientCa }: ServerPems): SecureContextOptions {
  return { key, cert: certificate, ca: clientCa, minVersion: 'TLSv1.2', ciphers, honorCipherOrder: true };
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

/** @returns to be called when the body is there, or passed on */
function awaitBody(clock: Clock, headers: IncomingHttpHeaders, raw: NodeResponse): () => void {
  const timeMs = bodyTimeMs(headers['content-length'], bodyLimitBytes);
  const response = new ClientResponse(raw);
  const arrived = expectBody(clock, timeMs, (late) => {
    if (!(raw instanceof Http2ServerResponse)) response.setHeader('connection', 'close');
    send(response, errorAnswer(late, negotiateError(headers.accept)));
    // What has not come is not waited for.
    if (raw instanceof Http2ServerResponse) raw.stream.close(constants.NGHTTP2_NO_ERROR);
  });
  response.onClose(arrived);
  return arrived;
}

/** Bytes that are no request of HTTP/1.1: what else the connection carries cannot be told apart any more. */
function refuseConnection(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { phrase, ...refused } = refusalOf(error);
  const status = new StatusError(refused);
  const { body } = errorAnswer(status, negotiateError(undefined));
  const head = [
    `HTTP/1.1 ${status.code} ${phrase}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${String(body)}`);
}

function refusalOf(error: Error & { readonly code?: string }): {
  readonly phrase: string;
  readonly reason: string;
  readonly code: number;
  readonly message: string;
} {
  if (error.code === 'HPE_HEADER_OVERFLOW') {
    const phrase = 'Request Header Fields Too Large';
    return { phrase, reason: '', code: 431, message: phrase };
  }
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const message = `the head of the request did not arrive within ${headMs / 1_000}s`;
    return { phrase: 'Request Timeout', reason: 'Timeout', code: 408, message };
  }
  const message = `malformed HTTP request: ${error.message}`;
  return { phrase: 'Bad Request', reason: 'BadRequest', code: 400, message };
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
