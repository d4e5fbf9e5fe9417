import type { AnyObject } from '../../api/kind-info.ts';

/**
 * The store behind the API: one key per object, compare-and-write transactions, one watch over the whole keyspace.
 * Implementations: etcd and memory; both pass `contract`.
 *
 * A resourceVersion is etcd's revision x 128 + the object's index in its transaction; a list's or a bookmark's ends in
 * 127, so that a client that resumes from it has seen the transaction whole.
 *
 * INVARIANTS:
 * - No blind retries. After an ambiguous time-out the implementation reads, then decides; what stays ambiguous is
 *   thrown as `STORAGE_AMBIGUOUS` and the caller must not repeat it either.
 * - Puts and deletes never share a transaction.
 */
export interface Storage {
  /** Linearizable read of one object. */
  get(key: string): Promise<StoredObject | undefined>;
  /** Whether values of `key` are stored encrypted; `get` then tells in `stale` whether with the right key. */
  isEncrypted(key: string): boolean;
  /** All or nothing. @throws StorageError `STORAGE_CONFLICT` naming the first write whose condition did not hold. */
  commit(writes: readonly StorageWrite[]): Promise<StoredObject[]>;
  /**
   * Each write on its own condition, in one round trip: per write the stored object or the conflict. Where a check does
   * not hold nothing is written, and each write's conflict names the check's key.
   */
  commitEach(
    writes: readonly (StoragePut | StorageRewrite)[],
    checks?: readonly StorageCheck[],
  ): Promise<(StoredObject | StorageConflict)[]>;
  /** Conditional deletes, split into small transactions. Per key: whether this call deleted it. */
  delete(deletes: readonly StorageDelete[]): Promise<(DeletedObject | StorageConflict)[]>;
  /** The revision that a read starting now must see at least. One request in flight serves all that wait. */
  currentVersion(): Promise<number>;
  /** Every object under `prefix` at `atVersion` (or now), in key order, in pages. */
  scan(prefix: string, atVersion?: number): AsyncIterable<ScanPage>;
  /**
   * All changes after `fromVersion`, in order, a whole transaction at a time. Reconnects by itself without gap or
   * repetition. @throws StorageError `STORAGE_COMPACTED` when `fromVersion` is gone, `STORAGE_RESTORED` when the store
   * is another or older than what was seen.
   */
  watch(fromVersion: number, signal: AbortSignal): AsyncIterable<StorageBatch>;
  /** Keeps the store in order (compaction, quota) until `signal` aborts. One call per instance. */
  run(signal: AbortSignal): Promise<void>;
  /** Ends connections; the instance cannot be used again. */
  close(): Promise<void>;
}

/** `json` is the object as it goes over the wire, its resourceVersion in place. Never parse it to answer a read. */
export interface StoredObject {
  readonly key: string;
  readonly version: number;
  readonly json: Buffer;
  /** It would now be stored under another encryption key, or under none. */
  readonly stale?: boolean;
}

export interface DeletedObject {
  readonly key: string;
  /** resourceVersion of the deletion. */
  readonly version: number;
}

/** `expected` 0: the key must not exist. */
export interface StoragePut {
  readonly type: 'put';
  readonly key: string;
  /** Its metadata.resourceVersion is ignored. Once it is written it must not change: the watch hands it on. */
  readonly object: AnyObject;
  readonly expected: number;
  /** The condition probably holds: several such puts are first tried all or none, which costs less. */
  readonly isLikely?: true;
}

/** An object's JSON with an empty resourceVersion, and where in it that belongs. */
export interface VersionlessObject {
  readonly storageVersion: string;
  readonly json: Buffer;
  readonly offset: number;
}

/** Labels, and selectable fields, that an object has now beside or in place of those that it had. */
export interface IndexChanges {
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly fields?: Readonly<Record<string, string>> | undefined;
}

/**
 * A put of an object that is there, by one who has its bytes and says which labels and selectable fields differ from
 * what is stored at `expected`, so that nobody needs to parse it. Its owners are the same.
 */
export interface StorageRewrite {
  readonly type: 'rewrite';
  readonly key: string;
  /** Belongs to the store from now on. */
  readonly bytes: VersionlessObject;
  readonly expected: number;
  readonly changes?: IndexChanges | undefined;
}

/** A condition on a key that is not written. */
export interface StorageCheck {
  readonly type: 'check';
  readonly key: string;
  readonly expected: number;
}

export type StorageWrite = StoragePut | StorageCheck;

export interface StorageDelete {
  readonly key: string;
  readonly expected: number;
}

/** The condition on `key` did not hold; `actual` is its version, 0 when absent. */
export interface StorageConflict {
  readonly conflict: true;
  readonly key: string;
  readonly actual: number;
}

/** The objects' bytes are parts of one piece of memory, which lives as long as one of them. */
export interface ScanPage {
  readonly objects: readonly StoredObject[];
  /** Version of the snapshot that the whole scan reads. */
  readonly version: number;
  /** Objects of the whole scan, where the store tells. */
  readonly total?: number;
}

export type StorageEvent =
  | {
      readonly type: 'put';
      readonly key: string;
      readonly version: number;
      readonly json: Buffer;
      readonly created: boolean;
      /** What `json` says, when this process wrote it a moment ago: to read, not to keep. */
      readonly object?: AnyObject;
      /** When this process rewrote it: what stood there at this version has the same labels, fields and owners but for `changes`. */
      readonly base?: number;
      readonly changes?: IndexChanges | undefined;
    }
  | { readonly type: 'delete'; readonly key: string; readonly version: number };

/** One whole transaction. `version` ends in 127. `events` is empty for mere progress. */
export interface StorageBatch {
  readonly version: number;
  readonly events: readonly StorageEvent[];
}

export type StorageErrorCode =
  | 'STORAGE_CONFLICT'
  | 'STORAGE_AMBIGUOUS'
  | 'STORAGE_COMPACTED'
  | 'STORAGE_RESTORED'
  | 'STORAGE_UNAVAILABLE'
  | 'STORAGE_TOO_LARGE'
  | 'STORAGE_NO_SPACE'
  | 'STORAGE_CORRUPT';

export class StorageError extends Error {
  readonly code: StorageErrorCode;
  readonly conflict: StorageConflict | undefined;

  constructor(
    code: StorageErrorCode,
    message: string,
    options: { cause?: unknown; conflict?: StorageConflict } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StorageError';
    this.code = code;
    this.conflict = options.conflict;
  }
}
