import type { AnyObject } from '../../api/kind-info.ts';
import type { StorageConflict, StorageDelete, StorageWrite } from '../storage/storage.ts';

/** What an object needs beside itself, e.g. the address of a Service: written in the same transaction. */
export interface Reservation {
  readonly writes: readonly StorageWrite[];
  /** Deleted once the object is written (or gone); a crash in between leaves what `plan` takes over later. */
  readonly releases: readonly StorageDelete[];
}

/** Chooses what to reserve. Plans are made from the cache and hold only if the transaction does. */
export interface Reserver {
  /**
   * Mutates `next`: fills in what is allocated. `attempt` counts the transactions that lost a race.
   * @throws StatusError 422 when what the object asks for is taken, 500 when nothing is left.
   */
  plan(next: AnyObject, current: AnyObject | undefined, attempt: number): Promise<Reservation>;
  /** What a deleted object leaves free. */
  releasesOf(object: AnyObject): readonly StorageDelete[];
  /** Learns that somebody else holds `conflict.key`. */
  lost(conflict: StorageConflict): void;
}
