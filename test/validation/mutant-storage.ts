import type { MemoryStorage } from '../../apiserver/storage/memory-storage.ts';
import type { Storage, StorageBatch } from '../../apiserver/storage/storage.ts';

export interface MutantOptions {
  /** Each transaction is shown so much later than it was made; harmless by itself. */
  readonly lagMs: number;
  /** Every so manieth transaction is never shown. */
  readonly dropEvery?: number;
  /** Once armed, a read asks for no newer state than there was then. */
  readonly staleReads?: boolean;
}

/** A store that keeps one of its promises badly: what the checks are there to find. `memory` tells the truth. */
export function mutantStorage(
  memory: MemoryStorage,
  options: MutantOptions,
): { readonly storage: Storage; arm(): Promise<void> } {
  let stale: number | undefined;
  let shown = 0;
  const storage: Storage = {
    get: (key) => memory.get(key),
    isEncrypted: () => false,
    commit: (writes) => memory.commit(writes),
    commitEach: (writes) => memory.commitEach(writes),
    delete: (deletes) => memory.delete(deletes),
    scan: (from, atVersion) => memory.scan(from, atVersion),
    run: (signal) => memory.run(signal),
    close: () => memory.close(),
    async currentVersion() {
      return stale ?? memory.currentVersion();
    },
    async *watch(fromVersion, signal): AsyncGenerator<StorageBatch> {
      for await (const batch of memory.watch(fromVersion, signal)) {
        await new Promise((resolve) => setTimeout(resolve, options.lagMs));
        shown += 1;
        const isLost = options.dropEvery !== undefined && shown % options.dropEvery === 0;
        yield isLost ? { version: batch.version, events: [] } : batch;
      }
    },
  };
  return {
    storage,
    async arm() {
      if (options.staleReads === true) stale = await memory.currentVersion();
    },
  };
}
