import { StorageError } from '../storage.ts';
import type { ResponseHeader } from './messages.ts';

/**
 * Which store this is, and how far we have seen it. A store restored from a snapshot is another one: its cluster id
 * differs, or its revision is below what we saw.
 *
 * `generation` counts the stores seen; whoever built on one generation must start anew in the next.
 */
export class StoreIdentity {
  #clusterId: number | undefined;
  #revision = 0;
  #generation = 0;
  readonly #onReplaced = new Set<() => void>();

  get generation(): number {
    return this.#generation;
  }

  /** The highest revision seen. A linearizable read that begins now must answer at least this. */
  get revision(): number {
    return this.#revision;
  }

  /** Calls `listener` when the store turns out to be another. @returns its removal. */
  onReplaced(listener: () => void): () => void {
    this.#onReplaced.add(listener);
    return () => this.#onReplaced.delete(listener);
  }

  /**
   * @param atLeast the highest revision seen before a linearizable call began; 0 for other calls
   * @throws StorageError `STORAGE_RESTORED`
   */
  observe(header: ResponseHeader, atLeast = 0): void {
    this.#clusterId ??= header.clusterId;
    const isOther = this.#clusterId !== header.clusterId;
    if (isOther || header.revision < atLeast)
      this.replace(header, isOther ? 'another cluster answers' : 'it is older');
    this.#revision = Math.max(this.#revision, header.revision);
  }

  /** @throws StorageError `STORAGE_RESTORED` always. */
  replace(header: ResponseHeader, why: string): never {
    const before = this.#revision;
    this.#clusterId = header.clusterId;
    this.#revision = header.revision;
    this.#generation += 1;
    for (const listener of [...this.#onReplaced]) listener();
    throw new StorageError(
      'STORAGE_RESTORED',
      `use etcd at revision ${header.revision} after ${before}: the store was replaced, ${why}`,
    );
  }
}
