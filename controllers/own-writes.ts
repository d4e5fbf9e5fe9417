import type { ApiObject } from '../api/kind-info.ts';

/**
 * The versions that a controller has written. A reconciliation that starts from an older one would count or create again
 * what was done already; the event of the newer one comes anyway.
 */
export class OwnWrites {
  readonly #versions = new Map<string, { readonly uid: string; readonly resourceVersion: bigint }>();

  note(key: string, { metadata }: ApiObject): void {
    const { uid, resourceVersion } = metadata;
    this.#versions.set(key, { uid, resourceVersion: BigInt(resourceVersion ?? '0') });
  }

  /** True while the cache has yet to show what was written last. */
  isStale(key: string, { metadata }: ApiObject): boolean {
    const last = this.#versions.get(key);
    if (last === undefined || last.uid !== metadata.uid) return false;
    return BigInt(metadata.resourceVersion ?? '0') < last.resourceVersion;
  }

  forget(key: string): void {
    this.#versions.delete(key);
  }
}
