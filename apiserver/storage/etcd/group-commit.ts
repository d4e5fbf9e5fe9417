import type { Clock } from '../../../base/clock.ts';
import { conflictError } from '../conflict-error.ts';
import type { StorageConflict, StoragePut, StoredObject } from '../storage.ts';
import { maxWritesPerTransaction } from '../version.ts';

/** How long the first of a group waits for others. */
const windowMs = 3;

/** Written in groups: many, small, and nobody waits for the single one. */
const groupedPrefixes: readonly string[] = [
  '/registry/coordination.k8s.io/leases/kube-node-lease/',
  '/registry/events/',
  '/registry/events.k8s.io/events/',
];

export function isGrouped(key: string): boolean {
  return groupedPrefixes.some((prefix) => key.startsWith(prefix));
}

interface Waiting {
  readonly put: StoragePut;
  resolve(stored: StoredObject): void;
  reject(error: unknown): void;
}

/**
 * Commits single puts that arrive within a few milliseconds in one transaction, each on its own condition: 5,000
 * nodes renew 500 leases a second, which as single writes would be most of what etcd does.
 */
export class GroupCommit {
  readonly #clock: Clock;
  readonly #commitEach: (puts: readonly StoragePut[]) => Promise<(StoredObject | StorageConflict)[]>;
  #waiting: Waiting[] = [];

  constructor(options: {
    readonly clock: Clock;
    readonly commitEach: (puts: readonly StoragePut[]) => Promise<(StoredObject | StorageConflict)[]>;
  }) {
    this.#clock = options.clock;
    this.#commitEach = options.commitEach;
  }

  /** @throws StorageError */
  put(put: StoragePut): Promise<StoredObject> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ put, resolve, reject });
      if (this.#waiting.length === 1) this.#clock.setTimer(windowMs, () => void this.#commit());
      else if (this.#waiting.length === maxWritesPerTransaction) void this.#commit();
    });
  }

  async #commit(): Promise<void> {
    const group = this.#waiting;
    this.#waiting = [];
    if (group.length === 0) return;
    try {
      const results = await this.#commitEach(group.map(({ put }) => put));
      for (const [at, { resolve, reject }] of group.entries()) {
        const result = results[at] as StoredObject | StorageConflict;
        if ('conflict' in result) reject(conflictError(result));
        else resolve(result);
      }
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }
}
