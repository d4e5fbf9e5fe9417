import type { ApiObject, NewObject, ResourceType } from '../api/kind-info.ts';

/** Which object. `namespace` is left out for cluster-scoped kinds. */
export interface ObjectRef {
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface Selection {
  /** All namespaces when left out. */
  readonly namespace?: string | undefined;
  /** In the API's syntax: `app=web,tier in (a,b)`. */
  readonly labelSelector?: string | undefined;
  /** In the API's syntax: `spec.nodeName=host-1`. */
  readonly fieldSelector?: string | undefined;
}

export interface ListRequest extends Selection {
  readonly resourceVersion?: string | undefined;
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
}

export interface WatchRequest extends Selection {
  readonly resourceVersion?: string | undefined;
  readonly allowWatchBookmarks?: boolean | undefined;
  readonly sendInitialEvents?: boolean | undefined;
  readonly timeoutSeconds?: number | undefined;
  readonly own?: OwnChanges | undefined;
}

/** Changes that the caller has made itself, of which it knows already what a watch would tell. */
export interface OwnChanges {
  /** Waited for before what has arrived is read, so that answers which came with it are heard first. */
  whenAnswered(): Promise<void> | undefined;
  /** Whether the change under this resourceVersion is one of them: it is passed over. Asked when all before it has been told. */
  takes(resourceVersion: string): boolean;
}

export interface ObjectList<T> {
  readonly resourceVersion: string;
  readonly continue: string | undefined;
  readonly items: T[];
}

/** A bookmark's object has only `metadata` (its resourceVersion and, after initial events, the annotation). */
export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly object: Pick<T & ApiObject, 'metadata'> };

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

export interface Patch {
  readonly type: PatchType;
  readonly body: unknown;
  readonly fieldManager?: string | undefined;
  readonly force?: boolean | undefined;
}

export interface WriteOptions {
  /** `status`, `scale`, ...; the main resource when left out. */
  readonly subresource?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly fieldManager?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number | undefined;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground' | undefined;
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly dryRun?: boolean | undefined;
}

/**
 * The typed REST client. Every call rejects with `StatusError` for an answer of the server, and with
 * `TransportError` (code `TRANSPORT`) when none came; writes are never repeated by the client.
 */
export interface ApiClient {
  get<T extends ApiObject>(type: ResourceType<T>, ref: ObjectRef, subresource?: string): Promise<T>;
  list<T extends ApiObject>(type: ResourceType<T>, request?: ListRequest): Promise<ObjectList<T>>;
  create<T extends ApiObject>(
    type: ResourceType<T>,
    object: NewObject<T>,
    options?: WriteOptions,
  ): Promise<T>;
  /** Replaces; the object's resourceVersion, when present, must be the current one. */
  update<T extends ApiObject>(type: ResourceType<T>, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends ApiObject>(
    type: ResourceType<T>,
    ref: ObjectRef,
    patch: Patch,
    options?: WriteOptions,
  ): Promise<T>;
  delete<T extends ApiObject>(type: ResourceType<T>, ref: ObjectRef, options?: DeleteOptions): Promise<void>;
  deleteCollection<T extends ApiObject>(
    type: ResourceType<T>,
    selection: Selection,
    options?: DeleteOptions,
  ): Promise<void>;
  /** One watch stream. Ends when the server closes it or `signal` aborts; rejects with `StatusError` 410 when too old. */
  watch<T extends ApiObject>(
    type: ResourceType<T>,
    request: WatchRequest,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>>;
  /** POST of a body to a subresource that is not an object of the kind: `binding`, `eviction`, `token`. */
  createSubresource(
    type: ResourceType<ApiObject>,
    ref: ObjectRef,
    subresource: string,
    body: unknown,
  ): Promise<unknown>;
  /** Any other request, as text: discovery, `/readyz`, `/metrics`, bulk endpoints. */
  request(request: RawRequest): Promise<RawResponse>;
  /** Whether there is a connection whose other end answers, by what is known now: nothing is sent to find out. */
  isConnected(): boolean;
}

export interface RawRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path with query. */
  readonly path: string;
  /** Several values are as many headers. */
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RawResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}
