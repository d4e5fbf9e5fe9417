import type { AnyObject, KindInfo } from '../api/kind-info.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { systemRandom } from '../base/random.ts';
import type { RawRequest, RawResponse } from '../client/client.ts';
import type { ClientConfig } from '../client/client-config.ts';
import { Connection } from '../client/connection.ts';
import { LineSplitter } from '../client/line-splitter.ts';
import { collectionPath, objectPath, toQuery } from '../client/resource-path.ts';
import { decodeJson, fromStatus, toStatusError } from '../client/response.ts';
import { Transport } from '../client/transport.ts';

const userAgent = 'kubectl-lite';
const defaultTimeoutMs = 60_000;

/** What a command has to say goes to the terminal. Not base's silent logger, which brings pino into every start. */
const noLog: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => noLog,
};

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Call {
  readonly query?: Query;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
}

/** An object's place: namespace is left out for cluster-scoped kinds, and for lists of all namespaces. */
export interface Place {
  readonly kind: KindInfo;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
}

export type TableEvent = { readonly type: string; readonly object: AnyObject };

/** Requests of a command line: whatever kind, with the server's warnings shown, at the first failure an error. */
export class Api {
  readonly config: ClientConfig;
  readonly #connection: Connection;
  readonly #transport: Transport;
  readonly #warn: (text: string) => void;

  constructor(options: {
    readonly config: ClientConfig;
    readonly clock: Clock;
    readonly timeoutMs: number | undefined;
    readonly warn: (text: string) => void;
  }) {
    const { config, clock } = options;
    this.config = config;
    this.#warn = options.warn;
    this.#connection = new Connection({
      config,
      clock,
      random: systemRandom,
      logger: noLog,
      failFast: true,
    });
    this.#transport = new Transport({
      connection: this.#connection,
      clock,
      requestTimeoutMs: options.timeoutMs ?? defaultTimeoutMs,
      headers: {
        'user-agent': userAgent,
        ...(config.token === undefined ? {} : { authorization: `Bearer ${config.token}` }),
      },
    });
  }

  /** @throws StatusError, TransportError */
  async send(method: RawRequest['method'], path: string, call: Call = {}): Promise<AnyObject> {
    const request = toRequest(method, path, call);
    return decodeJson<AnyObject>(request, (await this.#exchange(request)).body);
  }

  async text(path: string): Promise<string> {
    return (await this.#exchange(toRequest('GET', path, { accept: '*/*' }))).body.toString('utf8');
  }

  get(place: Place, call?: Call): Promise<AnyObject> {
    return this.send('GET', pathOf(place), call);
  }

  create(place: Place, body: unknown, query?: Query): Promise<AnyObject> {
    return this.send('POST', pathOf(place), { body, ...(query === undefined ? {} : { query }) });
  }

  patch(
    place: Place,
    type: 'json-patch' | 'merge-patch' | 'strategic-merge-patch',
    body: unknown,
    query?: Query,
  ): Promise<AnyObject> {
    const contentType = `application/${type}+json`;
    return this.send('PATCH', pathOf(place), {
      body,
      contentType,
      ...(query === undefined ? {} : { query }),
    });
  }

  /** The body of an answer as it comes, until it ends or `signal` aborts. @throws StatusError */
  async *stream(path: string, accept: string, signal: AbortSignal): AsyncGenerator<Buffer> {
    const request = toRequest('GET', path, { accept });
    const { status, stream } = await this.#transport.open(request, signal);
    if (status !== 200) {
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      throw toStatusError(request, { status, body: Buffer.concat(chunks) });
    }
    for await (const chunk of stream) yield chunk as Buffer;
  }

  /** Events of a watch; an ERROR event is thrown. */
  async *watch(place: Place, query: Query, accept: string, signal: AbortSignal): AsyncGenerator<TableEvent> {
    const splitter = new LineSplitter();
    const path = `${pathOf(place)}${toQuery({ ...query, watch: true })}`;
    for await (const chunk of this.stream(path, accept, signal))
      for (const line of splitter.push(chunk)) {
        const event: TableEvent = JSON.parse(line.toString());
        if (event.type === 'ERROR') throw fromStatus(Object(event.object));
        yield event;
      }
  }

  close(): void {
    this.#connection.close();
  }

  async #exchange(request: RawRequest): Promise<RawResponse> {
    const response = await this.#transport.send(request);
    this.#showWarnings(response);
    if (response.status < 200 || response.status >= 300) throw toStatusError(request, response);
    return response;
  }

  /** @see RFC 7234 section 5.5: `299 - "text"`, several separated by commas. */
  #showWarnings(response: RawResponse): void {
    const header = response.headers['warning'];
    const joined = Array.isArray(header) ? header.join(', ') : (header ?? '');
    for (const [, quoted = ''] of joined.matchAll(/\d{3} \S+ "((?:[^"\\]|\\.)*)"/g))
      this.#warn(`Warning: ${quoted.replace(/\\(.)/g, '$1')}`);
  }
}

export function pathOf(place: Place): string {
  const { kind, namespace, name, subresource } = place;
  return name === undefined
    ? collectionPath(kind, namespace)
    : objectPath(kind, { name, namespace }, subresource);
}

function toRequest(method: RawRequest['method'], path: string, call: Call): RawRequest {
  return {
    method,
    path: `${path}${toQuery(call.query ?? {})}`,
    headers: {
      accept: call.accept ?? 'application/json',
      ...(call.body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
    },
    body: call.body === undefined ? undefined : JSON.stringify(call.body),
  };
}
