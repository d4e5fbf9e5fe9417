import type { Clock } from '../../base/clock.ts';
import type {
  DeletedObject,
  ScanPage,
  Storage,
  StorageBatch,
  StorageConflict,
  StorageDelete,
  StoragePut,
  StorageWrite,
  StoredObject,
} from './storage.ts';

/** Tells how long each operation of another storage took, also of those that failed. */
export class MeasuredStorage implements Storage {
  readonly #inner: Storage;
  readonly #clock: Clock;
  readonly #observe: (operation: string, seconds: number) => void;

  constructor(inner: Storage, clock: Clock, observe: (operation: string, seconds: number) => void) {
    this.#inner = inner;
    this.#clock = clock;
    this.#observe = observe;
  }

  get(key: string): Promise<StoredObject | undefined> {
    return this.#measure('get', () => this.#inner.get(key));
  }

  isEncrypted(key: string): boolean {
    return this.#inner.isEncrypted(key);
  }

  commit(writes: readonly StorageWrite[]): Promise<StoredObject[]> {
    return this.#measure('commit', () => this.#inner.commit(writes));
  }

  commitEach(writes: readonly StoragePut[]): Promise<(StoredObject | StorageConflict)[]> {
    return this.#measure('commitEach', () => this.#inner.commitEach(writes));
  }

  delete(deletes: readonly StorageDelete[]): Promise<(DeletedObject | StorageConflict)[]> {
    return this.#measure('delete', () => this.#inner.delete(deletes));
  }

  currentVersion(): Promise<number> {
    return this.#measure('currentVersion', () => this.#inner.currentVersion());
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

  async #measure<T>(operation: string, run: () => Promise<T>): Promise<T> {
    const startMs = this.#clock.monotonicMs();
    try {
      return await run();
    } finally {
      this.#observe(operation, (this.#clock.monotonicMs() - startMs) / 1000);
    }
  }
}
