import type { ApiObject, ResourceType } from '../api/kind-info.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { ApiClient, Selection } from './client.ts';
import { keyOf } from './object-key.ts';
import { Reflector } from './reflector.ts';
import { type Indexers, type Lister, Store } from './store.ts';

/**
 * Told of every change after the lister shows it, synchronously and in order. Objects are shared with the lister:
 * never change them. A handler that throws is logged and does not disturb the others.
 */
export interface InformerHandler<T> {
  onAdd?(object: T): void;
  onUpdate?(previous: T, object: T): void;
  /** `last` is the last known state; after a time without connection it may be older than the final one. */
  onDelete?(last: T): void;
}

export interface InformerOptions<T extends ApiObject> {
  readonly client: Pick<ApiClient, 'list' | 'watch'>;
  readonly type: ResourceType<T>;
  readonly selection?: Selection | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly indexers?: Indexers<T> | undefined;
  /** Applied to every object before it is stored, e.g. to drop what nobody reads. */
  readonly transform?: ((object: T) => T) | undefined;
}

/**
 * A local copy of a collection that follows the server, and tells handlers of changes.
 *
 * INVARIANTS: between `hasSynced` and the end of `run` no change is missed, only states in between may be;
 * an object that was deleted and created again under its name is a delete and an add, never an update.
 */
export class Informer<T extends ApiObject> {
  readonly #store: Store<T>;
  readonly #reflector: Reflector<T>;
  readonly #handlers = new Set<InformerHandler<T>>();
  readonly #waiting = new Set<() => void>();
  readonly #options: InformerOptions<T>;
  #hasSynced = false;

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.#store = new Store(options.indexers);
    this.#reflector = new Reflector({
      ...options,
      selection: options.selection ?? {},
      sink: {
        replace: (objects) => this.#replace(objects),
        upsert: (object) => this.#upsert(object),
        remove: (object) => this.#remove(keyOf(object), object),
      },
    });
  }

  get lister(): Lister<T> {
    return this.#store;
  }

  /** True once the lister has shown a whole state of the server. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Up to which version the lister has seen everything; undefined before it has synced. */
  get lastResourceVersion(): string | undefined {
    return this.#reflector.resourceVersion;
  }

  /** A handler added late gets an `onAdd` for each object that is there. @returns removes the handler */
  addHandler(handler: InformerHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#store.list()) this.#tell(handler, (to) => to.onAdd?.(object));
    return () => this.#handlers.delete(handler);
  }

  /** Resolves when synced, or when `signal` aborts: look at the signal after. */
  whenSynced(signal: AbortSignal): Promise<void> {
    if (this.#hasSynced || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** Follows the server until `signal` aborts. */
  run(signal: AbortSignal): Promise<void> {
    return this.#reflector.run(signal);
  }

  #replace(objects: readonly T[]): void {
    const present = new Set(objects.map(keyOf));
    for (const key of [...this.#store.keys()]) {
      const last = present.has(key) ? undefined : this.#store.getByKey(key);
      if (last !== undefined) this.#remove(key, last);
    }
    for (const object of objects) this.#upsert(object);
    this.#hasSynced = true;
    for (const done of [...this.#waiting]) done();
  }

  #upsert(received: T): void {
    const object = this.#options.transform?.(received) ?? received;
    const key = keyOf(object);
    const previous = this.#store.getByKey(key);
    if (previous !== undefined && previous.metadata.uid !== object.metadata.uid) this.#remove(key, previous);
    const replaced = this.#store.set(key, object);
    if (replaced === undefined) this.#tellAll((to) => to.onAdd?.(object));
    else if (replaced.metadata.resourceVersion !== object.metadata.resourceVersion)
      this.#tellAll((to) => to.onUpdate?.(replaced, object));
  }

  #remove(key: string, received: T): void {
    if (this.#store.delete(key) === undefined) return;
    const last = this.#options.transform?.(received) ?? received;
    this.#tellAll((to) => to.onDelete?.(last));
  }

  #tellAll(tell: (to: InformerHandler<T>) => void): void {
    for (const handler of this.#handlers) this.#tell(handler, tell);
  }

  #tell(handler: InformerHandler<T>, tell: (to: InformerHandler<T>) => void): void {
    try {
      tell(handler);
    } catch (error) {
      // One consumer's fault must not stop the copy that others rely on.
      this.#options.logger.error({ err: error, kind: this.#options.type.kind }, 'informer handler threw');
    }
  }
}
