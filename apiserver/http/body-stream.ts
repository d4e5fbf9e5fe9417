import { type Answer, send } from './answer.ts';
import type { ClientResponse } from './client-response.ts';
import { compress, createCompressor, gzipHeaders, gzipThresholdBytes } from './gzip.ts';

export interface BodyHead {
  readonly contentType: string;
  /** Whether the client takes gzip. */
  readonly gzip: boolean;
  /** Of the whole body, if that is known before. */
  readonly length?: number | undefined;
}

/** A body in parts, sent at the pace of its reader: no more than one part waits in memory. */
export interface BodyStream {
  /** Resolves when `part` is out of use and the next one may come. */
  write(part: Buffer): Promise<void>;
  end(part: Buffer): Promise<void>;
}

export function openBody(response: ClientResponse, head: BodyHead): BodyStream {
  const { contentType, gzip, length } = head;
  response.writeHead(200, {
    'content-type': contentType,
    'cache-control': 'no-cache, private',
    ...(gzip ? gzipHeaders : length === undefined ? {} : { 'content-length': length }),
  });
  return gzip ? new CompressedBody(response) : new PlainBody(response);
}

/** A whole answer, compressed when it is large and the client takes that. */
export async function sendWhole(response: ClientResponse, answer: Answer, gzip: boolean): Promise<void> {
  const { body, headers } = answer;
  if (!gzip || body.length <= gzipThresholdBytes || headers?.['content-encoding'] !== undefined) {
    send(response, answer);
    return;
  }
  const compressed = await compress(typeof body === 'string' ? Buffer.from(body) : body);
  send(response, { ...answer, body: compressed, headers: { ...headers, ...gzipHeaders } });
}

class PlainBody implements BodyStream {
  readonly #response: ClientResponse;

  constructor(response: ClientResponse) {
    this.#response = response;
  }

  async write(part: Buffer): Promise<void> {
    await this.#response.writeOut(part);
  }

  async end(part: Buffer): Promise<void> {
    this.#response.end(part);
  }
}

class CompressedBody implements BodyStream {
  readonly #response: ClientResponse;
  readonly #gzip = createCompressor();
  readonly #ended: Promise<void>;

  constructor(response: ClientResponse) {
    this.#response = response;
    this.#ended = new Promise((resolve) => {
      this.#gzip.once('close', resolve);
    });
    this.#gzip.on('data', (compressed: Buffer) => this.#pass(compressed));
    this.#gzip.once('end', () => response.end());
    // The reader has gone: nobody waits for the rest.
    response.onClose(() => this.#gzip.destroy());
  }

  async write(part: Buffer): Promise<void> {
    if (this.#gzip.destroyed) return;
    const taken = new Promise<void>((resolve) => this.#gzip.write(part, () => resolve()));
    await Promise.race([taken, this.#ended]);
  }

  async end(part: Buffer): Promise<void> {
    if (this.#gzip.destroyed) return;
    this.#gzip.end(part);
    await this.#ended;
  }

  #pass(compressed: Buffer): void {
    if (this.#response.write(compressed)) return;
    this.#gzip.pause();
    this.#response.onDrain(() => this.#gzip.resume());
  }
}
