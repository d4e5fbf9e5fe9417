import type { Clock } from '../../base/clock.ts';
import { resourceOfKey } from './keys.ts';
import {
  type DeletedObject,
  type ScanPage,
  type Storage,
  type StorageBatch,
  type StorageCheck,
  type StorageConflict,
  type StorageDelete,
  StorageError,
  type StoragePut,
  type StorageRewrite,
  type StorageWrite,
  type StoredObject,
} from './storage.ts';

/** Is told of each operation and the resource that it was for. */
type Observe = (
  operation: string,
  resource: string,
  outcome: { readonly seconds: number; readonly failed: boolean },
) => void;

/** Tells how long each operation of another storage took, also of those that failed. */
export class MeasuredStorage implements Storage {
  readonly #inner: Storage;
  readonly #clock: Clock;
  readonly #observe: Observe;

  constructor(inner: Storage, clock: Clock, observe: Observe) {
    this.#inner = inner;
    this.#clock = clock;
    this.#observe = observe;
  }

  get(key: string): Promise<StoredObject | undefined> {
    return this.#measure('get', key, () => this.#inner.get(key));
  }

  isEncrypted(key: string): boolean {
    return this.#inner.isEncrypted(key);
  }

  commit(writes: readonly StorageWrite[]): Promise<StoredObject[]> {
    const first = writes.find((write) => write.type === 'put');
    const operation = first?.expected === 0 ? 'create' : 'update';
    return this.#measure(operation, first?.key, () => this.#inner.commit(writes));
  }

  commitEach(
    writes: readonly (StoragePut | StorageRewrite)[],
    checks?: readonly StorageCheck[],
  ): Promise<(StoredObject | StorageConflict)[]> {
    return this.#measure('batch', writes[0]?.key, () => this.#inner.commitEach(writes, checks));
  }

  delete(deletes: readonly StorageDelete[]): Promise<(DeletedObject | StorageConflict)[]> {
    return this.#measure('delete', deletes[0]?.key, () => this.#inner.delete(deletes));
  }

  currentVersion(): Promise<number> {
    return this.#measure('getCurrentResourceVersion', undefined, () => this.#inner.currentVersion());
  }

  scan(prefix: string, atVersion?: number): AsyncIterable<ScanPage> {
    return this.#inner.scan(prefix, atVersion);
  }

  watch(fromVersion: number, signal: AbortSignal): AsyncIterable<StorageBatch> {
    return this.#inner.watch(fromVersion, signal);
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#inner.run(signal);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #measure<T>(operation: string, key: string | undefined, run: () => Promise<T>): Promise<T> {
    const startMs = this.#clock.monotonicMs();
    let failed = true;
    try {
      const result = await run();
      failed = false;
      return result;
    } catch (error) {
      // The store has answered that a condition does not hold: that is no failure of its.
      failed = !(error instanceof StorageError && error.code === 'STORAGE_CONFLICT');
      throw error;
    } finally {
      const seconds = (this.#clock.monotonicMs() - startMs) / 1_000;
      this.#observe(operation, key === undefined ? '' : resourceOfKey(key), { seconds, failed });
    }
  }
}
