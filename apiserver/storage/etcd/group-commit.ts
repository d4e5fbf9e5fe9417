import type { Clock, Timer } from '../../../base/clock.ts';
import { conflictError } from '../conflict-error.ts';
import { type StorageConflict, StorageError, type StoragePut, type StoredObject } from '../storage.ts';
import { maxWritesPerTransaction } from '../version.ts';
import { type PreparedPut, sizeOf } from './etcd-puts.ts';

/** The longest that a put waits for the group before it. */
const windowMs = 3;
/** A group that has become this big leaves. */
const groupBytes = 512 * 1024;

/**
 * Small, frequent, and nobody waits for the single one: they wait for company even when nothing is under way, so many
 * milliseconds. A node's Lease is good for 40 s; at 5,000 nodes 50 of them then share a transaction.
 */
const patience: readonly (readonly [prefix: string, waitMs: number])[] = [
  ['/registry/coordination.k8s.io/leases/kube-node-lease/', 100],
  ['/registry/events/', windowMs],
  ['/registry/events.k8s.io/events/', windowMs],
];

/** How long the put may wait for company. 0: not at all. */
export function patienceOf(key: string): number {
  return patience.find(([prefix]) => key.startsWith(prefix))?.[1] ?? 0;
}

/** Where the groups go. `settle` never rejects, and none of its puts fails another. */
export interface GroupTarget {
  prepare(put: StoragePut): PreparedPut;
  settle(puts: readonly PreparedPut[]): Promise<(StoredObject | StorageConflict | StorageError)[]>;
}

interface Waiting {
  readonly put: PreparedPut;
  resolve(stored: StoredObject): void;
  reject(error: StorageError): void;
}

/**
 * Commits single puts together, each on its own condition. A transaction of etcd costs us 100 us and etcd as much, a
 * put inside of one 20 us. A put that finds nothing under way leaves at the end of this turn of the event loop; those
 * that come meanwhile gather and leave when the group before them is settled, or after 3 ms, so that a slow store
 * makes nobody wait for anybody else.
 */
export class GroupCommit {
  readonly #clock: Clock;
  readonly #puts: GroupTarget;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Somebody waits who is not patient. */
  #isUrgent = false;
  #underWay = 0;
  #timer: Timer | undefined;
  /** When `#timer` is due, in monotonic time. */
  #dueMs = Number.POSITIVE_INFINITY;
  #turn: Timer | undefined;

  constructor(options: { readonly clock: Clock; readonly puts: GroupTarget }) {
    this.#clock = options.clock;
    this.#puts = options.puts;
  }

  /** @throws StorageError */
  put(put: StoragePut, options: { readonly patienceMs: number }): Promise<StoredObject> {
    const prepared = this.#puts.prepare(put);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ put: prepared, resolve, reject });
      this.#waitingBytes += sizeOf(prepared);
      this.#isUrgent ||= options.patienceMs === 0;
      this.#plan(options.patienceMs === 0 ? windowMs : options.patienceMs);
    });
  }

  #plan(waitMs: number): void {
    if (this.#waiting.length >= maxWritesPerTransaction || this.#waitingBytes >= groupBytes) this.#commit();
    else if (this.#isUrgent && this.#underWay === 0)
      this.#turn ??= this.#clock.setImmediate(() => this.#commit());
    else this.#leaveWithin(waitMs);
  }

  #leaveWithin(waitMs: number): void {
    const dueMs = this.#clock.monotonicMs() + waitMs;
    if (dueMs >= this.#dueMs) return;
    this.#timer?.cancel();
    this.#dueMs = dueMs;
    this.#timer = this.#clock.setTimer(waitMs, () => this.#commit());
  }

  #commit(): void {
    this.#timer?.cancel();
    this.#turn?.cancel();
    this.#timer = undefined;
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#turn = undefined;
    const group = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#isUrgent = false;
    if (group.length > 0) void this.#settle(group);
  }

  async #settle(group: readonly Waiting[]): Promise<void> {
    this.#underWay += 1;
    const results = await this.#puts.settle(group.map(({ put }) => put));
    this.#underWay -= 1;
    if (this.#underWay === 0 && this.#isUrgent) this.#commit();
    for (const [at, { resolve, reject }] of group.entries()) {
      const result = results[at] as StoredObject | StorageConflict | StorageError;
      if (result instanceof StorageError) reject(result);
      else if ('conflict' in result) reject(conflictError(result));
      else resolve(result);
    }
  }
}
