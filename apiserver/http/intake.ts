/**
 * How connections and requests come in: in turns of the event loop, a few milliseconds each. A server that starts
 * after another has ended gets thousands of both at once, and must not make everybody wait until it has begun with all
 * of them.
 *
 * Watches over HTTP/2 bypass fastify and Node's compatible request and response: they are what thousands of are open.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2SecureServer, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../base/clock.ts';
import { TurnQueue } from '../watch-cache/turn-queue.ts';
import { endOf } from './connection-limits.ts';
import { Handshakes } from './handshakes.ts';
import { PacedEnds } from './paced-ends.ts';

/** Of requests begun in one turn: what comes together should reach the store together, so longer than others' work. */
const requestsMs = 12;

/** Takes a stream; false when it is for the server's own listeners. */
type TakeStream = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
) => boolean;

export class Intake {
  readonly #handshakes: Handshakes;
  readonly #requests: TurnQueue;
  readonly #ends: PacedEnds;

  constructor(clock: Clock) {
    this.#handshakes = new Handshakes(clock);
    this.#requests = new TurnQueue({ clock, turnMs: requestsMs });
    this.#ends = new PacedEnds(clock);
  }

  /** Calls `begin` when the connection's turn has come. */
  connect(socket: Socket, begin: () => void): void {
    const connection = endOf(socket);
    socket.once('close', () => this.#handshakes.ended(connection));
    this.#handshakes.add(connection, begin);
  }

  /** Stands between `server` and those who listen to its requests. */
  pace(server: Http2SecureServer, take: TakeStream): void {
    server.on('secureConnection', (socket: TLSSocket) => {
      this.#handshakes.ended(endOf(socket));
      this.#ends.pace(socket);
    });
    server.on('tlsClientError', (_error: Error, socket: Socket) => this.#handshakes.ended(endOf(socket)));
    const toStream = detached(server, 'stream');
    server.on('stream', (stream, headers, ...more) => {
      // The client may break off while it waits for its turn, and an error that nobody hears ends the process.
      stream.on('error', () => undefined);
      // A body that ends while nobody listens would never end for those who come later.
      if (!stream.endAfterHeaders) toStream(stream, headers, ...more);
      else
        this.#requests.add(() => {
          if (stream.destroyed || take(stream, headers, rawHeadersOf(more))) return;
          toStream(stream, headers, ...more);
        });
    });
    const toRequest = detached(server, 'request');
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (request.httpVersionMajor > 1) {
        toRequest(request, response);
        return;
      }
      this.#requests.add(() => {
        if (!request.socket.destroyed) toRequest(request, response);
      });
    });
  }
}

/** Node's fourth argument, after the flags, which its types do not know. */
function rawHeadersOf(more: readonly unknown[]): readonly string[] {
  const given = more[1];
  return Array.isArray(given) ? given.map(String) : [];
}

/** Takes the listeners of `event` off and gives a function that calls them. */
function detached(server: Http2SecureServer, event: string): (...values: unknown[]) => void {
  const listeners = server.listeners(event);
  server.removeAllListeners(event);
  return (...values) => {
    for (const listener of listeners) Reflect.apply(listener, server, values);
  };
}

/** Whether a request is a watch as far as its head tells: if so wrongly, it is answered all the same. */
export function looksLikeWatch({ ':method': method, ':path': path, expect }: IncomingHttpHeaders): boolean {
  if (method !== 'GET' || path === undefined || expect !== undefined) return false;
  const at = path.indexOf('?');
  const isAsked = at > 0 && /[?&]watch=(?:true|1)(?:&|$)/.test(path.slice(at));
  return isAsked && !path.slice(0, at).includes('%');
}
