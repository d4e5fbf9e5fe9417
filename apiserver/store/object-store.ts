import type { KindStrategy } from '../registry/strategy.ts';
import type { CachedObject } from '../watch-cache/read-cache.ts';
import { type CreateRequest, createObject } from './create.ts';
import { type Deleted, type DeleteRequest, deleteObject } from './delete.ts';
import { type DeleteCollectionRequest, deleteCollection } from './delete-collection.ts';
import type { Written } from './request.ts';
import { toStatusError } from './storage-failure.ts';
import type { StoreDependencies } from './store-dependencies.ts';
import { type MutateRequest, mutateObject } from './update.ts';

/** The generic way of every write, whatever the kind. All failures are StatusErrors. */
export class ObjectStore {
  readonly dependencies: StoreDependencies;

  constructor(dependencies: StoreDependencies) {
    this.dependencies = dependencies;
  }

  create(request: CreateRequest): Promise<Written> {
    return translated(createObject(this.dependencies, request));
  }

  /** Update, patch, and writes of subresources. */
  mutate(request: MutateRequest): Promise<Written> {
    return translated(mutateObject(this.dependencies, request));
  }

  delete(request: DeleteRequest): Promise<Deleted> {
    return translated(deleteObject(this.dependencies, request));
  }

  deleteCollection(request: DeleteCollectionRequest, objects: readonly CachedObject[]): Promise<void> {
    return translated(deleteCollection(this.dependencies, request, objects));
  }

  /** A consistent read: as new as the store was when it was asked. */
  async read(
    strategy: KindStrategy,
    namespace: string,
    name: string,
    signal?: AbortSignal,
  ): Promise<CachedObject | undefined> {
    const { cache } = this.dependencies;
    await translated(cache.waitCurrent(signal));
    return cache.get(strategy.resource, namespace, name);
  }
}

async function translated<T>(running: Promise<T>): Promise<T> {
  try {
    return await running;
  } catch (error) {
    // The boundary to the store: from here on every failure is one that a client can be told.
    throw toStatusError(error);
  }
}
