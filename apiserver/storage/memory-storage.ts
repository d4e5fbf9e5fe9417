import { conflictError } from './conflict-error.ts';
import { type PreparedObject, prepareWrite, spliceVersion } from './envelope.ts';
import { prefixEnd } from './keys.ts';
import { OrderedMap } from './ordered-map.ts';
import {
  type DeletedObject,
  type ScanPage,
  type Storage,
  type StorageBatch,
  type StorageCheck,
  type StorageConflict,
  type StorageDelete,
  StorageError,
  type StorageEvent,
  type StoragePut,
  type StorageRewrite,
  type StorageWrite,
  type StoredObject,
} from './storage.ts';
import { maxWritesPerTransaction, revisionOf, versionOf, wholeVersion } from './version.ts';
import { toBatches } from './write-batches.ts';

const scanPageObjects = 500;
const deletesPerTransaction = 64;

/** The states of one key, oldest first. `json` is undefined where it was deleted. */
interface KeyState {
  readonly revision: number;
  readonly version: number;
  readonly json: Buffer | undefined;
}

/**
 * The store in this process's memory, with etcd's semantics: revisions, history, compaction. Data ends with the
 * process. For the simulation, tests and `--storage memory`.
 */
export class MemoryStorage implements Storage {
  readonly #historyLimit: number;
  readonly #keys = new OrderedMap<KeyState[]>();
  readonly #wakeups = new Set<() => void>();
  #log: StorageBatch[] = [];
  /** As in etcd, an empty store is at revision 1. */
  #revision = 1;
  #compacted = 0;
  #closed = false;

  /** `historyLimit` is how many transactions can be replayed before old ones are compacted by themselves. */
  constructor(options: { readonly historyLimit?: number } = {}) {
    this.#historyLimit = options.historyLimit ?? 100_000;
  }

  async get(key: string): Promise<StoredObject | undefined> {
    this.#requireOpen();
    const state = this.#stateOf(key);
    return state?.json === undefined ? undefined : { key, version: state.version, json: state.json };
  }

  isEncrypted(): boolean {
    return false;
  }

  async commit(writes: readonly StorageWrite[]): Promise<StoredObject[]> {
    this.#requireOpen();
    for (const write of writes) {
      const conflict = this.#conflictOf(write);
      if (conflict !== undefined) throw conflictError(conflict);
    }
    const puts = writes.filter((write) => write.type === 'put');
    if (puts.length > maxWritesPerTransaction)
      throw new StorageError('STORAGE_TOO_LARGE', `write ${puts.length} objects in one transaction`);
    return this.#apply(puts);
  }

  async commitEach(
    writes: readonly (StoragePut | StorageRewrite)[],
    checks: readonly StorageCheck[] = [],
  ): Promise<(StoredObject | StorageConflict)[]> {
    this.#requireOpen();
    const failed = checks.flatMap((check) => this.#conflictOf(check) ?? [])[0];
    if (failed !== undefined) return writes.map(() => failed);
    const results: (StoredObject | StorageConflict)[] = [];
    for (const batch of toBatches(writes, { limit: maxWritesPerTransaction, bytesOf: () => 0 })) {
      const judged = batch.map((write) => ({ write, conflict: this.#conflictOf(write) }));
      const stored = this.#apply(
        judged.filter((each) => each.conflict === undefined).map((each) => each.write),
      );
      let next = 0;
      for (const { conflict } of judged) results.push(conflict ?? (stored[next++] as StoredObject));
    }
    return results;
  }

  async delete(deletes: readonly StorageDelete[]): Promise<(DeletedObject | StorageConflict)[]> {
    this.#requireOpen();
    const results: (DeletedObject | StorageConflict)[] = [];
    for (const batch of toBatches(deletes, { limit: deletesPerTransaction, bytesOf: () => 0 })) {
      const events: StorageEvent[] = [];
      for (const each of batch) {
        const conflict = this.#conflictOf(each);
        const version = versionOf(this.#revision + 1, events.length);
        if (conflict === undefined) {
          this.#remember(each.key, { revision: this.#revision + 1, version, json: undefined });
          events.push({ type: 'delete', key: each.key, version });
        }
        results.push(conflict ?? { key: each.key, version });
      }
      this.#publish(events);
    }
    return results;
  }

  async currentVersion(): Promise<number> {
    this.#requireOpen();
    return wholeVersion(this.#revision);
  }

  async *scan(prefix: string, atVersion?: number): AsyncGenerator<ScanPage> {
    this.#requireOpen();
    const revision = atVersion === undefined ? this.#revision : revisionOf(atVersion);
    const version = wholeVersion(revision);
    let from = prefix;
    for (;;) {
      if (revision < this.#compacted) throw compactedError(version);
      const objects: StoredObject[] = [];
      let more = false;
      for (const [key, states] of this.#keys.range(from, prefixEnd(prefix))) {
        more = objects.length === scanPageObjects;
        if (more) break;
        from = `${key}\0`;
        const state = states.findLast((each) => each.revision <= revision);
        if (state?.json !== undefined) objects.push({ key, version: state.version, json: state.json });
      }
      yield { objects, version };
      if (!more) return;
    }
  }

  async *watch(fromVersion: number, signal: AbortSignal): AsyncGenerator<StorageBatch> {
    let seen = fromVersion;
    while (!signal.aborted) {
      this.#requireOpen();
      if (revisionOf(seen) > this.#revision)
        throw new StorageError('STORAGE_RESTORED', `watch from ${seen}: the store is older`);
      if (revisionOf(seen) < this.#compacted) throw compactedError(seen);
      const batch = this.#log[firstAfter(this.#log, seen)];
      if (batch === undefined) await this.#nextChange(signal);
      else {
        seen = batch.version;
        yield batch;
      }
    }
  }

  /** The history limit keeps it in order: there is nothing to run. */
  run(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
  }

  /** Forgets what only readers before `version` could want. */
  compact(version: number): void {
    const revision = Math.min(revisionOf(version), this.#revision);
    if (revision <= this.#compacted) return;
    this.#compacted = revision;
    this.#log.splice(0, firstAfter(this.#log, wholeVersion(revision)));
    for (const [key, states] of [...this.#keys.range('', '\uffff')]) {
      const current = states.findLastIndex((each) => each.revision <= revision);
      const gone = states[current]?.json === undefined;
      states.splice(0, gone ? current + 1 : current);
      if (states.length === 0) this.#keys.delete(key);
    }
    this.#wake();
  }

  #stateOf(key: string): KeyState | undefined {
    return this.#keys.get(key)?.at(-1);
  }

  #conflictOf(condition: { readonly key: string; readonly expected: number }): StorageConflict | undefined {
    const state = this.#stateOf(condition.key);
    const actual = state?.json === undefined ? 0 : state.version;
    return actual === condition.expected ? undefined : { conflict: true, key: condition.key, actual };
  }

  #apply(puts: readonly (StoragePut | StorageRewrite)[]): StoredObject[] {
    const revision = this.#revision + 1;
    const events: StorageEvent[] = [];
    const stored = puts.map((put, index) => {
      const prepared: PreparedObject = prepareWrite(put);
      const version = versionOf(revision, index);
      const json = spliceVersion(prepared, version);
      this.#remember(put.key, { revision, version, json });
      const base = put.type === 'rewrite' ? { base: put.expected, changes: put.changes } : {};
      events.push({ type: 'put', key: put.key, version, json, created: put.expected === 0, ...base });
      return { key: put.key, version, json };
    });
    this.#publish(events);
    return stored;
  }

  #remember(key: string, state: KeyState): void {
    const states = this.#keys.get(key);
    if (states === undefined) this.#keys.set(key, [state]);
    else states.push(state);
  }

  #publish(events: readonly StorageEvent[]): void {
    if (events.length === 0) return;
    this.#revision += 1;
    this.#log.push({ version: wholeVersion(this.#revision), events });
    if (this.#log.length > this.#historyLimit)
      this.compact((this.#log[this.#log.length >>> 1] as StorageBatch).version);
    this.#wake();
  }

  #nextChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        this.#wakeups.delete(wake);
        resolve();
      };
      this.#wakeups.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  #wake(): void {
    for (const wake of [...this.#wakeups]) wake();
  }

  #requireOpen(): void {
    if (this.#closed) throw new StorageError('STORAGE_UNAVAILABLE', 'use the store: it is closed');
  }
}

function firstAfter(log: readonly StorageBatch[], version: number): number {
  let low = 0;
  let high = log.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((log[middle] as StorageBatch).version <= version) low = middle + 1;
    else high = middle;
  }
  return low;
}

function compactedError(version: number): StorageError {
  return new StorageError('STORAGE_COMPACTED', `read at version ${version}: it is compacted`);
}
