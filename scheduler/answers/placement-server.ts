/**
 * Serves questions about placements over HTTPS to API servers, and to nobody else: a client shows a certificate with
 * one of the allowed names. One question is answered at a time, between turns of deciding, and however many are
 * asked, answering takes a quarter of the time at most.
 *
 *   POST /placement   body: a Pod, stored or not; answers with a PodPlacement
 *   POST /outlook     body: a Pod; answers with the node that it would get, or why none
 *
 * 503 while this scheduler does not lead.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { TLSSocket } from 'node:tls';
import type { Pod } from '../../api/generated/core-v1.ts';
import { type Clock, delay } from '../../base/clock.ts';
import { followFiles, readTexts } from '../../base/followed-files.ts';
import { messageOf } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import type { PlacementAnswers } from './placement-answers.ts';

const maxBodyBytes = 3 * 1_024 * 1_024;
/** Questions that wait for their turn. */
const maxWaiting = 64;
const restPerWork = 3;

export interface PlacementServerFlags {
  readonly bindAddress: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile: string;
  /** Common names of the clients that are answered. */
  readonly allowedNames: readonly string[];
}

export interface PlacementServerOptions extends PlacementServerFlags {
  readonly answers: Pick<PlacementAnswers, 'placement' | 'outlook'>;
  readonly isLeading: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class PlacementServer {
  readonly #options: PlacementServerOptions;
  readonly #server: Server;
  #tail: Promise<void> = Promise.resolve();
  #waiting = 0;

  private constructor(options: PlacementServerOptions, [cert, key, ca]: readonly string[]) {
    this.#options = options;
    this.#server = createServer(
      { ...tlsOf([cert, key, ca]), requestCert: true, rejectUnauthorized: true },
      (request, response) => void this.#serve(request, response),
    );
  }

  /** Listens. @throws when its files cannot be read or the port is taken */
  static async open(options: PlacementServerOptions): Promise<PlacementServer> {
    const server = new PlacementServer(options, await readTexts(filesOf(options)));
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', reject);
      server.#server.listen(options.port, options.bindAddress, resolve);
    });
    return server;
  }

  /** `<address>:<port>`, as it is told to the API servers. */
  get address(): string {
    const bound = this.#server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : this.#options.port;
    return `${this.#options.bindAddress}:${port}`;
  }

  /** Serves until `signal` aborts; takes renewed certificates. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    const paths = filesOf(this.#options);
    const known = await readTexts(paths);
    const take = (texts: readonly string[]): void => this.#server.setSecureContext(tlsOf(texts));
    await followFiles({ clock, logger, what: 'certificate of the scheduler', paths, known, take }, signal);
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { code, body } = await this.#answer(request);
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    } catch (error) {
      // A pod that makes no sense, or a body that is none: told to whoever asks.
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ message: messageOf(error) }));
    }
  }

  async #answer(request: IncomingMessage): Promise<{ code: number; body: object }> {
    const { allowedNames, isLeading, answers, clock } = this.#options;
    const peer = peerName(request, clock.nowMs());
    if (peer === undefined || !allowedNames.includes(peer))
      return { code: 403, body: { message: `"${peer ?? ''}" may not ask` } };
    const question = request.method === 'POST' ? request.url : undefined;
    if (question !== '/placement' && question !== '/outlook')
      return { code: 404, body: { message: 'POST /placement or /outlook' } };
    if (this.#waiting >= maxWaiting) return { code: 503, body: { message: 'too many questions wait' } };
    const pod = JSON.parse(await bodyOf(request)) as Pod;
    if (!isLeading()) return { code: 503, body: { message: 'this scheduler does not lead' } };
    const ask = (): object => (question === '/placement' ? answers.placement(pod) : answers.outlook(pod));
    return { code: 200, body: await this.#inTurn(ask) };
  }

  async #inTurn<V>(ask: () => V): Promise<V> {
    const { clock } = this.#options;
    const before = this.#tail;
    let done = (): void => undefined;
    this.#tail = new Promise((resolve) => {
      done = resolve;
    });
    this.#waiting += 1;
    await before;
    this.#waiting -= 1;
    const startMs = clock.monotonicMs();
    try {
      return ask();
    } finally {
      void delay(clock, restPerWork * (clock.monotonicMs() - startMs)).then(done);
    }
  }
}

const filesOf = ({ certFile, keyFile, clientCaFile }: PlacementServerFlags): string[] => [
  certFile,
  keyFile,
  clientCaFile,
];

const tlsOf = ([cert = '', key = '', ca = '']: readonly (string | undefined)[]): {
  cert: string;
  key: string;
  ca: string;
} => ({ cert, key, ca });

function peerName({ socket }: IncomingMessage, nowMs: number): string | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const { subject, valid_to } = socket.getPeerCertificate();
  // A connection may outlive the certificate that it began with.
  if (Date.parse(valid_to) <= nowMs) return undefined;
  const names: string | string[] | undefined = subject?.CN;
  return [names ?? []].flat().at(-1);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw new Error(`the body is longer than ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
