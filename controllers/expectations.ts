import type { Clock } from '../base/clock.ts';

/** After this long a controller trusts its cache again, whatever it still waits for. As Kubernetes' 5 minutes. */
const expectationTimeoutMs = 5 * 60_000;

interface Pending {
  /** By name the version that was answered; undefined before the answer. */
  readonly creations: Map<string, number | undefined>;
  readonly deletions: Set<string>;
  sinceMs: number;
}

/**
 * What a controller has done and not yet seen in its cache. While anything is outstanding for an owner, its count of
 * dependents is stale and acting on it would make surplus or delete twice.
 *
 * Creations are tracked by name, which the controller chooses itself, and deletions by uid: an event is then matched to
 * exactly one expectation however often it is delivered.
 *
 * INVARIANTS: an expectation is recorded before its request is sent; it is dropped when the cache shows the effect or
 * when the request definitely had none.
 */
export class Expectations {
  readonly #pending = new Map<string, Pending>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * True when the cache shows everything that was done for `owner`. A creation that is older than all the cache has
   * seen (`seen`, a resourceVersion) is not waited for: what was created and deleted between two lists is never shown.
   */
  satisfied(owner: string, seen?: string): boolean {
    for (const [name, version] of this.#pending.get(owner)?.creations ?? [])
      if (version !== undefined && version <= Number(seen)) this.creationObserved(owner, name);
    const pending = this.#pending.get(owner);
    if (pending === undefined) return true;
    return this.#clock.monotonicMs() - pending.sinceMs > expectationTimeoutMs;
  }

  expectCreation(owner: string, name: string): void {
    this.#of(owner).creations.set(name, undefined);
  }

  /** The server has created it under this resourceVersion. */
  creationAnswered(owner: string, name: string, resourceVersion: string): void {
    const creations = this.#pending.get(owner)?.creations;
    if (creations?.has(name) === true) creations.set(name, Number(resourceVersion));
  }

  expectDeletion(owner: string, uid: string): void {
    this.#of(owner).deletions.add(uid);
  }

  /** @returns whether this was the last thing that `owner` waited for. */
  creationObserved(owner: string, name: string): boolean {
    return this.#drop(owner, (pending) => pending.creations.delete(name));
  }

  /** @returns whether this was the last thing that `owner` waited for. */
  deletionObserved(owner: string, uid: string): boolean {
    return this.#drop(owner, (pending) => pending.deletions.delete(uid));
  }

  forget(owner: string): void {
    this.#pending.delete(owner);
  }

  #of(owner: string): Pending {
    let pending = this.#pending.get(owner);
    if (pending === undefined) {
      pending = { creations: new Map(), deletions: new Set(), sinceMs: 0 };
      this.#pending.set(owner, pending);
    }
    pending.sinceMs = this.#clock.monotonicMs();
    return pending;
  }

  #drop(owner: string, drop: (pending: Pending) => boolean): boolean {
    const pending = this.#pending.get(owner);
    if (pending === undefined || !drop(pending)) return false;
    if (pending.creations.size + pending.deletions.size > 0) return false;
    this.#pending.delete(owner);
    return true;
  }
}
