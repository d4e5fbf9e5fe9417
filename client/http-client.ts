import { type ApiObject, type NewObject, type ResourceType, toApiVersion } from '../api/kind-info.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { type Random, systemRandom } from '../base/random.ts';
import type {
  ApiClient,
  DeleteOptions,
  ListRequest,
  ObjectList,
  ObjectRef,
  Patch,
  PatchType,
  RawRequest,
  RawResponse,
  Selection,
  WatchEvent,
  WatchRequest,
  WriteOptions,
} from './client.ts';
import type { ClientConfig } from './client-config.ts';
import { Connection } from './connection.ts';
import {
  collectionPath,
  objectPath,
  selectionQuery,
  toQuery,
  watchQuery,
  writeQuery,
} from './resource-path.ts';
import { decodeJson, toStatusError } from './response.ts';
import { type RequestTransport, Transport } from './transport.ts';
import { type DecodeLine, readWatch } from './watch-stream.ts';

const defaultRequestTimeoutMs = 30_000;

const patchContentTypes: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

export interface ApiClientOptions {
  readonly config: ClientConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly userAgent: string;
  readonly random?: Random | undefined;
  /** Of every request but watches; default 30 s. Time spent waiting for a connection counts. */
  readonly requestTimeoutMs?: number | undefined;
  /** Rejects at the first failed connection attempt, as a command-line tool wants it. Default false: tries on. */
  readonly failFast?: boolean | undefined;
  /** How often the server is pinged while nothing waits for its answer; each second unless given. */
  readonly pingPeriodMs?: (() => number) | undefined;
  /** Of the lines of watches. */
  readonly decode?: DecodeLine | undefined;
}

/** An `ApiClient` that owns its connection. */
export interface ClosableApiClient extends ApiClient {
  /** Ends the connection; requests and watches in flight reject. */
  close(): void;
}

/** A client whose certificate may be replaced while it is used. */
interface RenewableApiClient extends ClosableApiClient {
  /** Goes over to a connection by `config`; no request fails by it, watches go on there. @throws TransportError */
  renew(config: ClientConfig): Promise<void>;
}

/** A client over one HTTP/2 connection, shared by all its requests and watches. */
export function createApiClient(options: ApiClientOptions): RenewableApiClient {
  const { config, clock, logger } = options;
  const connection = new Connection({
    config,
    clock,
    logger,
    random: options.random ?? systemRandom,
    failFast: options.failFast ?? false,
    pingPeriodMs: options.pingPeriodMs,
  });
  const transport = new Transport({
    connection,
    clock,
    requestTimeoutMs: options.requestTimeoutMs ?? defaultRequestTimeoutMs,
    headers: {
      'user-agent': options.userAgent,
      accept: 'application/json',
      ...(config.token === undefined ? {} : { authorization: `Bearer ${config.token}` }),
    },
  });
  const client = createApiClientOver(transport, () => connection.close(), options.decode);
  return Object.assign(client, { renew: (next: ClientConfig) => connection.renew(next) });
}

/** The same client over another way to the server; `close` ends that. @param decode of the lines of watches */
export function createApiClientOver(
  transport: RequestTransport,
  close: () => void,
  decode?: DecodeLine,
): ClosableApiClient {
  return new HttpApiClient(transport, close, decode);
}

class HttpApiClient implements ClosableApiClient {
  readonly #transport: RequestTransport;
  readonly #close: () => void;
  readonly #decode: DecodeLine | undefined;

  constructor(transport: RequestTransport, close: () => void, decode?: DecodeLine) {
    this.#transport = transport;
    this.#close = close;
    this.#decode = decode;
  }

  isConnected(): boolean {
    return this.#transport.isConnected();
  }

  get<T extends ApiObject>(type: ResourceType<T>, ref: ObjectRef, subresource?: string): Promise<T> {
    return this.#json({ method: 'GET', path: objectPath(type, ref, subresource) });
  }

  async list<T extends ApiObject>(type: ResourceType<T>, request: ListRequest = {}): Promise<ObjectList<T>> {
    const query = toQuery({
      ...selectionQuery(request),
      resourceVersion: request.resourceVersion,
      limit: request.limit,
      continue: request.continue,
    });
    const path = `${collectionPath(type, request.namespace)}${query}`;
    const list = await this.#json<WireList<T>>({ method: 'GET', path });
    const apiVersion = toApiVersion(type);
    // Items of a typed list carry neither; what reads them later expects both.
    for (const item of list.items ?? []) {
      item.apiVersion ??= apiVersion;
      item.kind ??= type.kind;
    }
    const next = list.metadata.continue;
    return {
      resourceVersion: list.metadata.resourceVersion ?? '',
      continue: next === '' ? undefined : next,
      items: list.items ?? [],
    };
  }

  create<T extends ApiObject>(
    type: ResourceType<T>,
    object: NewObject<T>,
    options?: WriteOptions,
  ): Promise<T> {
    const { namespace, name } = object.metadata;
    const path =
      options?.subresource === undefined
        ? collectionPath(type, namespace)
        : objectPath(type, { namespace, name: name ?? '' }, options.subresource);
    return this.#json(withBody('POST', `${path}${writeQuery(options)}`, object, options?.signal));
  }

  update<T extends ApiObject>(type: ResourceType<T>, object: T, options?: WriteOptions): Promise<T> {
    const path = objectPath(type, object.metadata, options?.subresource);
    return this.#json(withBody('PUT', `${path}${writeQuery(options)}`, object, options?.signal));
  }

  patch<T extends ApiObject>(
    type: ResourceType<T>,
    ref: ObjectRef,
    patch: Patch,
    options?: WriteOptions,
  ): Promise<T> {
    const fieldManager = patch.fieldManager ?? options?.fieldManager;
    const path = objectPath(type, ref, options?.subresource);
    const query = writeQuery({ ...options, fieldManager }, patch.force);
    const request = withBody('PATCH', `${path}${query}`, patch.body, options?.signal);
    return this.#json({ ...request, headers: { 'content-type': patchContentTypes[patch.type] } });
  }

  async delete<T extends ApiObject>(
    type: ResourceType<T>,
    ref: ObjectRef,
    options?: DeleteOptions,
  ): Promise<void> {
    await this.#json(withBody('DELETE', objectPath(type, ref), toDeleteBody(options)));
  }

  async deleteCollection<T extends ApiObject>(
    type: ResourceType<T>,
    selection: Selection,
    options?: DeleteOptions,
  ): Promise<void> {
    const path = `${collectionPath(type, selection.namespace)}${toQuery(selectionQuery(selection))}`;
    await this.#json(withBody('DELETE', path, toDeleteBody(options)));
  }

  async *watch<T extends ApiObject>(
    type: ResourceType<T>,
    request: WatchRequest,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    if (signal.aborted) return;
    const path = `${collectionPath(type, request.namespace)}${watchQuery(request)}`;
    yield* readWatch<T>(this.#transport, { method: 'GET', path }, signal, {
      ...{ decode: this.#decode, own: request.own },
    });
  }

  createSubresource(
    type: ResourceType<ApiObject>,
    ref: ObjectRef,
    subresource: string,
    body: unknown,
  ): Promise<unknown> {
    return this.#json(withBody('POST', objectPath(type, ref, subresource), body));
  }

  request(request: RawRequest): Promise<RawResponse> {
    return this.#transport.send(request);
  }

  close(): void {
    this.#close();
  }

  async #json<V>(request: RawRequest): Promise<V> {
    const response = await this.#transport.send(request);
    if (response.status >= 200 && response.status < 300) return decodeJson<V>(request, response.body);
    throw toStatusError(request, response);
  }
}

interface WireList<T> {
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: T[] | null;
}

function withBody(
  method: RawRequest['method'],
  path: string,
  body: unknown,
  signal?: AbortSignal | undefined,
): RawRequest {
  return {
    method,
    path,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal,
  };
}

function toDeleteBody(options: DeleteOptions = {}): unknown {
  const { uid, resourceVersion, dryRun, ...rest } = options;
  const preconditions =
    uid === undefined && resourceVersion === undefined ? undefined : { uid, resourceVersion };
  return {
    kind: 'DeleteOptions',
    apiVersion: 'v1',
    ...rest,
    preconditions,
    dryRun: dryRun === true ? ['All'] : undefined,
  };
}
