import type { IndexedObject } from './cached-object.ts';

/** Objects by the uid of their owners, across resources. */
export class OwnerIndex {
  readonly #owned = new Map<string, Map<string, IndexedObject>>();

  ownedBy(uid: string): readonly IndexedObject[] {
    return [...(this.#owned.get(uid)?.values() ?? [])];
  }

  replace(previous: IndexedObject | undefined, object: IndexedObject | undefined): void {
    for (const uid of previous?.owners === object?.owners ? [] : (previous?.owners ?? [])) {
      if (previous === undefined || object?.owners.includes(uid) === true) continue;
      const owned = this.#owned.get(uid);
      owned?.delete(previous.key);
      if (owned?.size === 0) this.#owned.delete(uid);
    }
    if (object === undefined) return;
    for (const uid of object.owners) {
      const owned = this.#owned.get(uid) ?? new Map<string, IndexedObject>();
      this.#owned.set(uid, owned.set(object.key, object));
    }
  }
}
