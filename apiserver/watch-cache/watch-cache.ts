/**
 * One storage watch feeds every resource's objects, indexes and event ring, and from there every watcher.
 *
 * Start: a scan at an older version, then a replay to now, so that clients which resume find their events. When the
 * store is compacted under the cache or replaced, everything is dropped, every watch ends with 410, and the cache
 * loads anew. Cost: one JSON parse per written version, one copy of its bytes.
 *
 * INVARIANTS:
 * - `version` moves only by whole transactions, after all their events are published.
 * - Every event above a resource's floor is in its ring.
 */
import type { AnyObject } from '../../api/kind-info.ts';
import { expired, StatusError } from '../../api/status-error.ts';
import { type BackoffPolicy, backoffMs } from '../../base/backoff.ts';
import { type Clock, delay } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { type Random, systemRandom } from '../../base/random.ts';
import { TaskGroup } from '../../base/task-group.ts';
import { keyOf, parseKey, registryPrefix } from '../storage/keys.ts';
import { type Storage, type StorageBatch, StorageError, type StorageEvent } from '../storage/storage.ts';
import { revisionOf, wholeVersion } from '../storage/version.ts';
import { type FieldsOf, type IndexedObject, indexObject, withBytes, withChanges } from './cached-object.ts';
import type { OnSent } from './cohort.ts';
import { type Derivation, type DerivedChange, derivedChange } from './derived.ts';
import type { CacheEvent, RingLimits } from './event-ring.ts';
import { Observers } from './observers.ts';
import { OwnerIndex } from './owner-index.ts';
import type {
  CachedObject,
  CachePage,
  CacheQuery,
  CacheWatch,
  CacheWatchRequest,
  ReadCache,
  ResourceObserver,
  WatchSink,
} from './read-cache.ts';
import { ResourceCache } from './resource-cache.ts';
import { SharedValues } from './shared-values.ts';
import { watcherBufferBytes } from './sink-buffer.ts';
import { Slabs } from './slabs.ts';
import { VersionWaiters } from './version-waiters.ts';
import { WatchHub } from './watch-hub.ts';

const bookmarkPeriodMs = 60_000;
const sliceMs = 5;
/** Objects that a starting cache indexes before others get their turn: some milliseconds. */
const indexedAtOnce = 200;
/** How far before now a starting cache tries to begin. Each replayed transaction costs tens of microseconds. */
const replayedRevisions = [5_000, 500, 0] as const;
/** Objects that may have come since then: reading them at once costs less than replaying how they came. */
const replayedObjects = 10_000;
const defaultLimits: RingLimits = { events: 100_000, ageMs: 5 * 60_000 };
const reloadBackoff: BackoffPolicy = { initialMs: 100, maxMs: 5_000, factor: 2, jitter: 0.2 };
const defaultIndexedFields: Readonly<Record<string, readonly string[]>> = {
  '/pods': ['spec.nodeName'],
  '/events': ['involvedObject.uid'],
};

export interface WatchCacheOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  /** For how long the event loop has been busy since its start; default: never. */
  readonly busyMs?: () => number;
  /** Spreads back-offs; default the platform's. */
  readonly random?: Random;
  /** Selectable fields beside metadata.name and metadata.namespace. */
  readonly fieldsOf: FieldsOf;
  /** Default `/registry/`. */
  readonly prefix?: string;
  /** Fields per resource that lists by value shall find quickly. */
  readonly indexedFields?: Readonly<Record<string, readonly string[]>>;
  readonly limits?: RingLimits;
  readonly watcherBufferBytes?: number;
  /** Resources that are made of others. Their changes are gathered for their watchers. */
  readonly derivations?: readonly Derivation[];
  /** For metrics. */
  readonly onSent?: OnSent | undefined;
}

export class WatchCache implements ReadCache {
  readonly #options: WatchCacheOptions;
  readonly #prefix: string;
  readonly #waiters: VersionWaiters;
  readonly #hub: WatchHub;
  readonly #observers = new Observers();
  readonly #shared = new SharedValues();
  readonly #slabs = new Slabs();
  /** By what they are made of. */
  readonly #derivations: ReadonlyMap<string, Derivation>;
  #resources = new Map<string, ResourceCache>();
  #owners = new OwnerIndex();
  #version = 0;
  /** Where the resources that have no cache yet begin. */
  #floor = 0;
  #readyAt = Number.POSITIVE_INFINITY;
  #ready = Promise.withResolvers<void>();

  constructor(options: WatchCacheOptions) {
    this.#options = options;
    this.#prefix = options.prefix ?? registryPrefix;
    this.#waiters = new VersionWaiters(options.clock);
    const derivations = options.derivations ?? [];
    this.#derivations = new Map(derivations.map((derivation) => [derivation.source, derivation]));
    this.#hub = new WatchHub({
      source: { currentVersion: () => this.#version, resource: (name) => this.#resource(name) },
      clock: options.clock,
      logger: options.logger,
      busyMs: options.busyMs ?? (() => 0),
      bufferBytes: options.watcherBufferBytes ?? watcherBufferBytes,
      onSent: options.onSent,
      gathered: new Set(derivations.map(({ resource }) => resource)),
    });
  }

  get version(): number {
    return this.#version;
  }

  /** Watches that are open. */
  get watchers(): number {
    return this.#hub.size;
  }

  /** Stored objects by resource. */
  *sizes(): Generator<readonly [resource: string, count: number]> {
    const derived = new Set([...this.#derivations.values()].map(({ resource }) => resource));
    for (const [name, { size }] of this.#resources) if (!derived.has(name)) yield [name, size];
  }

  whenReady(signal?: AbortSignal): Promise<void> {
    if (signal === undefined) return this.#ready.promise;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason);
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
      void this.#ready.promise.then(() => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
    });
  }

  async waitCurrent(signal?: AbortSignal): Promise<number> {
    const version = await this.#options.storage.currentVersion();
    await this.waitFor(version, signal);
    return version;
  }

  async waitFor(version: number, signal?: AbortSignal): Promise<void> {
    if (this.isReady && version <= this.#version) return;
    await this.#waiters.wait(version, () => this.#version, signal);
  }

  get(resource: string, namespace: string, name: string): CachedObject | undefined {
    this.#requireReady();
    return this.#resources.get(resource)?.get(keyOf(resource, namespace, name));
  }

  list(query: CacheQuery): CachePage {
    this.#requireReady();
    return this.#resource(query.resource).list(query, this.#version);
  }

  count(resource: string): number {
    return this.#resources.get(resource)?.size ?? 0;
  }

  ownedBy(uid: string): readonly CachedObject[] {
    return this.#owners.ownedBy(uid);
  }

  watch(request: CacheWatchRequest, sink: WatchSink): CacheWatch {
    this.#requireReady();
    return this.#hub.add(request, sink);
  }

  observe(resource: string, observer: ResourceObserver): void {
    this.#observers.add(resource, observer);
    observer.replaced(this.#resource(resource).objects());
  }

  /** Feeds the cache until `signal` aborts; then every watch is ended. */
  async run(signal: AbortSignal): Promise<void> {
    const tasks = new TaskGroup(signal);
    tasks.start((stop) => this.#feed(stop));
    tasks.start((stop) => this.#sendBookmarks(stop));
    try {
      await tasks.join();
    } finally {
      this.#hub.endAll();
    }
  }

  /** Whether it holds everything. */
  get isReady(): boolean {
    return this.#version >= this.#readyAt;
  }

  #requireReady(): void {
    if (!this.isReady) throw notReady();
  }

  async #feed(signal: AbortSignal): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        await this.#load(signal);
        attempt = 0;
        await this.#follow(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#options.logger.warn({ err: error }, 'drop the watch cache and load it again');
        this.#reset();
      }
      await delay(this.#options.clock, this.#backoffMs(attempt), signal);
    }
  }

  async #load(signal: AbortSignal): Promise<void> {
    const current = await this.#options.storage.currentVersion();
    const revision = revisionOf(current);
    const total = await this.#total(current);
    for (const distance of replayedRevisions) {
      if (signal.aborted) return;
      const start = wholeVersion(Math.max(1, revision - distance));
      try {
        if (distance > 0 && total - (await this.#total(start)) > replayedObjects) continue;
        await this.#scan(start);
        break;
      } catch (error) {
        if (distance === 0 || !isCompacted(error)) throw error;
      }
    }
    this.#readyAt = current;
    this.#reach(this.#version);
  }

  /** How many objects there were, if the store tells: the first page says so. */
  async #total(atVersion: number): Promise<number> {
    for await (const { total } of this.#options.storage.scan(this.#prefix, atVersion)) return total ?? 0;
    return 0;
  }

  async #scan(atVersion: number): Promise<void> {
    this.#forget();
    this.#floor = atVersion;
    for await (const page of this.#options.storage.scan(this.#prefix, atVersion)) {
      for (const [at, stored] of page.objects.entries()) {
        if ((at + 1) % indexedAtOnce === 0) await this.#yield();
        const object = this.#index(stored);
        if (object === undefined) continue;
        this.#resource(object.resource).load(object);
        this.#owners.replace(undefined, object);
        this.#slabs.loaded(object);
        this.#loadDerived(object);
      }
      await this.#yield();
    }
    this.#version = atVersion;
    this.#observers.replaced((name) => this.#resource(name).objects());
  }

  async #follow(signal: AbortSignal): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        let sliceEnd = this.#options.clock.monotonicMs() + sliceMs;
        for await (const batch of this.#options.storage.watch(this.#version, signal)) {
          this.#apply(batch);
          attempt = 0;
          if (this.#options.clock.monotonicMs() < sliceEnd) continue;
          await this.#yield();
          sliceEnd = this.#options.clock.monotonicMs() + sliceMs;
        }
      } catch (error) {
        if (isCompacted(error) || isRestored(error)) throw error;
        this.#options.logger.warn({ err: error }, 'watch the store');
      }
      await delay(this.#options.clock, this.#backoffMs(attempt), signal);
    }
  }

  #apply(batch: StorageBatch): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const event of batch.events) this.#applyEvent(event, nowMs);
    this.#reach(batch.version);
  }

  #applyEvent(event: StorageEvent, nowMs: number): void {
    const path = parseKey(event.key);
    if (path === undefined || !event.key.startsWith(this.#prefix)) return;
    const resource = this.#resource(path.resource);
    const object =
      event.type === 'put' ? (rewritten(event, resource, this.#shared) ?? this.#index(event)) : undefined;
    if (event.type === 'put' && object === undefined) return;
    const change = { key: event.key, version: event.version, object };
    const applied: CacheEvent | undefined = resource.apply(change, nowMs);
    if (applied === undefined) return;
    this.#owners.replace(applied.previous, applied.object);
    if (applied.previous !== undefined) this.#slabs.gone(applied.previous);
    this.#observers.changed(path.resource, event.key, object);
    this.#hub.publish(path.resource, applied);
    this.#applyDerived({ ...path, version: event.version, source: object }, nowMs);
  }

  #loadDerived(source: IndexedObject): void {
    const derived = this.#derive({ ...source, source })?.object;
    if (derived !== undefined) this.#resource(derived.resource).load(derived);
  }

  #applyDerived(change: SourceChange, nowMs: number): void {
    const derived = this.#derive(change);
    if (derived === undefined) return;
    const applied = derived.cache.apply(derived, nowMs);
    if (applied !== undefined) this.#hub.publish(derived.cache.resource, applied);
  }

  #derive(change: SourceChange): (DerivedChange & { readonly cache: ResourceCache }) | undefined {
    const derivation = this.#derivations.get(change.resource);
    if (derivation === undefined) return undefined;
    const cache = this.#resource(derivation.resource);
    try {
      const derived = derivedChange(
        derivation,
        change,
        cache.get(keyOf(derivation.resource, '', change.name)),
      );
      return derived === undefined ? undefined : { ...derived, cache };
    } catch (error) {
      // As for one that cannot be indexed: it must not take all others with it.
      this.#options.logger.error({ err: error, name: change.name }, `derive ${derivation.resource}`);
      return undefined;
    }
  }

  #index(stored: {
    readonly key: string;
    readonly version: number;
    readonly json: Buffer;
    readonly object?: AnyObject;
  }): IndexedObject | undefined {
    const path = parseKey(stored.key);
    if (path === undefined) return undefined;
    try {
      return indexObject(path, stored, { fieldsOf: this.#options.fieldsOf, shared: this.#shared });
    } catch (error) {
      // One unreadable object must not take all others with it; a direct read of it reports the fault.
      this.#options.logger.error({ err: error, key: stored.key }, 'index a stored object');
      return undefined;
    }
  }

  #reach(version: number): void {
    this.#version = version;
    if (!this.isReady) return;
    this.#ready.resolve();
    this.#waiters.reached(version);
  }

  #reset(): void {
    this.#hub.endAll(expired('too old resource version: the store was compacted or replaced').toBody());
    this.#forget();
    this.#readyAt = Number.POSITIVE_INFINITY;
    this.#ready = Promise.withResolvers<void>();
  }

  #forget(): void {
    this.#resources = new Map();
    this.#owners = new OwnerIndex();
    this.#slabs.clear();
    this.#version = 0;
  }

  #resource(name: string): ResourceCache {
    const known = this.#resources.get(name);
    if (known !== undefined) return known;
    const created = new ResourceCache({
      resource: name,
      indexedFields: (this.#options.indexedFields ?? defaultIndexedFields)[name] ?? [],
      limits: this.#options.limits ?? defaultLimits,
      floor: this.#floor,
    });
    this.#resources.set(name, created);
    return created;
  }

  async #sendBookmarks(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      await delay(clock, bookmarkPeriodMs, signal);
      for (const { ring } of this.#resources.values()) ring.trim(clock.monotonicMs());
      if (signal.aborted) return;
      this.#hub.endStalled();
      if (this.isReady) this.#hub.bookmark(this.#version);
    }
  }

  #backoffMs(attempt: number): number {
    return backoffMs(reloadBackoff, attempt, this.#options.random ?? systemRandom);
  }

  #yield(): Promise<void> {
    return new Promise((resolve) => this.#options.clock.setImmediate(resolve));
  }
}

/** Of an object that others may be made of; `source` is undefined when it is gone. */
interface SourceChange {
  readonly resource: string;
  readonly name: string;
  readonly version: number;
  readonly source: IndexedObject | undefined;
}

/** What was there, with other bytes; undefined when the event does not say so or something else was there. */
function rewritten(
  { key, version, json, base, changes }: StorageEvent & { readonly type: 'put' },
  resource: ResourceCache,
  shared: SharedValues,
): IndexedObject | undefined {
  const present = base === undefined ? undefined : resource.get(key);
  if (present === undefined || present.version !== base) return undefined;
  const same = withBytes(present, version, json);
  return changes === undefined ? same : withChanges(same, changes, shared);
}

function isCompacted(error: unknown): boolean {
  return error instanceof StorageError && error.code === 'STORAGE_COMPACTED';
}

function isRestored(error: unknown): boolean {
  return error instanceof StorageError && error.code === 'STORAGE_RESTORED';
}

function notReady(): StatusError {
  return new StatusError({
    reason: 'ServiceUnavailable',
    code: 503,
    message: 'the watch cache is loading',
    details: { retryAfterSeconds: 1 },
  });
}
