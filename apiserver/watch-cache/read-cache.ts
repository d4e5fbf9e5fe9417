import type { Selector } from '../../api/selector.ts';
import type { FieldValues } from './shared-values.ts';

/**
 * What reads and watches are served from. Holds bytes and a small index per object, never parsed objects.
 *
 * A "resource" here is `<group>/<plural>` as in the storage key (`/pods`, `apps/deployments`): versions of one kind
 * share one.
 */
export interface ReadCache {
  /** Resolves when the cache holds everything as of its start. */
  whenReady(signal?: AbortSignal): Promise<void>;
  /** The version up to which the cache is complete (ends in 127). */
  readonly version: number;
  /** Waits until the cache is as new as the store is now, and gives that version. */
  waitCurrent(signal?: AbortSignal): Promise<number>;
  /** Waits until the cache has reached `version`. @throws StatusError `Timeout` (504) after 3 s, as Kubernetes. */
  waitFor(version: number, signal?: AbortSignal): Promise<void>;
  /** @throws StatusError 503 while the cache loads. */
  get(resource: string, namespace: string, name: string): CachedObject | undefined;
  /**
   * In key order; synchronous work is sliced by the caller with `after` and `limit`. A call with `limit` looks at no
   * more than 5,000 objects, so a page may be short, even empty, and still have `next`.
   * @throws StatusError 503 while the cache loads.
   */
  list(query: CacheQuery): CachePage;
  count(resource: string): number;
  /** Objects whose ownerReferences name `uid`. */
  ownedBy(uid: string): readonly CachedObject[];
  /** Registers a watcher. @throws StatusError 410 when `fromVersion` is older than what is kept, 503 while the cache loads. */
  watch(request: CacheWatchRequest, sink: WatchSink): CacheWatch;
  /** Keeps an index of a resource in step with the cache, for as long as the cache lives. */
  observe(resource: string, observer: ResourceObserver): void;
}

/** Called in the middle of applying a change: must be quick, and must not throw. */
export interface ResourceObserver {
  /** What there is, at first and after every reload; it takes the place of all that was said before. */
  replaced(objects: Iterable<CachedObject>): void;
  /** One change; `object` is undefined when it is gone. */
  changed(key: string, object: CachedObject | undefined): void;
}

export interface CachedObject {
  readonly key: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly version: number;
  /** Wire JSON, resourceVersion in place. */
  readonly json: Buffer;
  readonly labels: ReadonlyMap<string, string>;
  /** Selectable fields beside metadata.name and metadata.namespace. */
  readonly fields: FieldValues;
}

export interface CacheQuery {
  readonly resource: string;
  /** Empty: all namespaces. */
  readonly namespace: string;
  readonly name?: string | undefined;
  readonly labels: Selector;
  readonly fields: Selector;
  /** Starts behind this key. */
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
  /** The state at that version, for continued lists. @throws StatusError 410 when it is not kept any more. */
  readonly atVersion?: number | undefined;
}

export interface CachePage {
  readonly objects: readonly CachedObject[];
  /** Key to continue behind; undefined at the end. */
  readonly next: string | undefined;
  /** How many objects follow, when no selector is given. */
  readonly remaining: number | undefined;
  readonly version: number;
}

export interface CacheWatchRequest {
  readonly resource: string;
  readonly namespace: string;
  readonly name?: string | undefined;
  readonly labels: Selector;
  readonly fields: Selector;
  /** Events after this version. Undefined: from the present state on, with initial events when asked. */
  readonly fromVersion: number | undefined;
  /** ADDED for the present state, then a bookmark annotated `k8s.io/initial-events-end`. */
  readonly sendInitialEvents: boolean;
  /** Synthetic ADDED for the present state without the closing bookmark: the old `resourceVersion=0` or absent. */
  readonly startWithState: boolean;
  readonly bookmarks: boolean;
  readonly encoding: WatchEncoding;
}

/** Watchers with the same selection and the same `encoding.id` share every encoded byte. */
export interface WatchEncoding {
  readonly id: string;
  /** One whole frame, newline included. `first` is set for the first event of a watch (Tables carry columns there). */
  encode(
    type: 'ADDED' | 'MODIFIED' | 'DELETED',
    object: { readonly json: Buffer; readonly version: number },
    first: boolean,
  ): Buffer;
  bookmark(version: number, initialEventsEnd: boolean): Buffer;
  /** The closing frame, e.g. an ERROR event with a Status of 410. */
  error(status: object): Buffer;
  /** True when `first` matters, so that a new watcher's first frame is not shared. */
  readonly hasFirst: boolean;
}

/** Where a watcher's bytes go. The cache bounds what waits in it and ends a watcher that is too slow. */
export interface WatchSink {
  /** False when the receiver wants a pause: nothing more is written until `onDrain` calls back. */
  write(frames: Buffer): boolean;
  onDrain(resume: () => void): void;
  /** The cache ended the watch (too slow, store replaced, shutdown). Called once, nothing follows. */
  end(isTooSlow: boolean): void;
}

export interface CacheWatch {
  stop(): void;
}
