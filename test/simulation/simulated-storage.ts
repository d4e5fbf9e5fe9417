import type { MemoryStorage } from '../../apiserver/storage/memory-storage.ts';
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
  type StorageWrite,
  type StoredObject,
} from '../../apiserver/storage/storage.ts';
import type { Random } from '../../base/random.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** As the etcd client's: after this long a write without an answer is ambiguous. */
const answerTimeoutMs = 5_000;
const retryMs = 50;

/** What is wrong with the store at present, for all who use it. */
export interface StorageFaults {
  /** No leader: nothing is read consistently or written. */
  hasLeader: boolean;
  /** Chance that a write is carried out but its answer lost, or that it does not arrive at all. */
  lostAnswers: number;
  lostWrites: number;
  /** Chance that an answer or a watched batch takes up to `slowMs`. */
  slow: number;
  slowMs: number;
}

export const noStorageFaults = (): StorageFaults => ({
  hasLeader: true,
  lostAnswers: 0,
  lostWrites: 0,
  slow: 0,
  slowMs: 0,
});

export interface SimulatedStorageOptions {
  readonly inner: MemoryStorage;
  /** Of the API server that uses it. */
  readonly process: SimulatedProcess;
  readonly random: Random;
  readonly faults: StorageFaults;
}

/** The store as one API server sees it: over a network, and with etcd's bad sides. */
export class SimulatedStorage implements Storage {
  readonly #options: SimulatedStorageOptions;

  constructor(options: SimulatedStorageOptions) {
    this.#options = options;
  }

  isEncrypted(): boolean {
    return this.#options.inner.isEncrypted();
  }

  async get(key: string): Promise<StoredObject | undefined> {
    await this.#travelToRead();
    const found = await this.#options.inner.get(key);
    await this.#travel();
    return found;
  }

  commit(writes: readonly StorageWrite[]): Promise<StoredObject[]> {
    return this.#write(() => this.#options.inner.commit(writes));
  }

  commitEach(
    writes: readonly StoragePut[],
    checks?: readonly StorageCheck[],
  ): Promise<(StoredObject | StorageConflict)[]> {
    return this.#write(() => this.#options.inner.commitEach(writes, checks));
  }

  delete(deletes: readonly StorageDelete[]): Promise<(DeletedObject | StorageConflict)[]> {
    return this.#write(() => this.#options.inner.delete(deletes));
  }

  async currentVersion(): Promise<number> {
    await this.#travelToRead();
    const version = await this.#options.inner.currentVersion();
    await this.#travel();
    return version;
  }

  async *scan(prefix: string, atVersion?: number): AsyncGenerator<ScanPage> {
    await this.#travelToRead();
    for await (const page of this.#options.inner.scan(prefix, atVersion)) {
      await this.#travel();
      yield page;
    }
  }

  async *watch(fromVersion: number, signal: AbortSignal): AsyncGenerator<StorageBatch> {
    await this.#travel();
    for await (const batch of this.#options.inner.watch(fromVersion, signal)) {
      await this.#travel();
      while (!this.#options.faults.hasLeader && !signal.aborted) await this.#wait(retryMs);
      if (signal.aborted) return;
      yield batch;
    }
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#options.inner.run(signal);
  }

  async close(): Promise<void> {
    // The store outlives the server.
  }

  async #write<V>(write: () => Promise<V>): Promise<V> {
    const { random, faults } = this.#options;
    await this.#travel();
    if (!faults.hasLeader) {
      await this.#wait(answerTimeoutMs);
      throw new StorageError('STORAGE_UNAVAILABLE', 'write: no leader');
    }
    if (random.next() < faults.lostWrites) {
      await this.#wait(answerTimeoutMs);
      throw new StorageError('STORAGE_AMBIGUOUS', 'write: no answer');
    }
    const lost = random.next() < faults.lostAnswers;
    const written = write();
    if (lost) {
      await written.catch(() => undefined);
      await this.#wait(answerTimeoutMs);
      throw new StorageError('STORAGE_AMBIGUOUS', 'write: no answer');
    }
    // The outcome, an error too, takes its time to travel.
    const outcome = await written.then(
      (value) => () => value,
      (error: unknown) => (): V => {
        throw error;
      },
    );
    await this.#travel();
    return outcome();
  }

  async #travelToRead(): Promise<void> {
    await this.#travel();
    const { process } = this.#options;
    const deadlineMs = process.monotonicMs() + answerTimeoutMs;
    while (!this.#options.faults.hasLeader) {
      if (process.monotonicMs() >= deadlineMs)
        throw new StorageError('STORAGE_UNAVAILABLE', 'read: no leader');
      await this.#wait(retryMs);
    }
  }

  #travel(): Promise<void> {
    const { random, faults } = this.#options;
    const slow = random.next() < faults.slow ? faults.slowMs * random.next() : 0;
    return this.#wait(0.2 + random.next() * 0.8 + slow);
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.process.arrive(delayMs, resolve);
    });
  }
}
