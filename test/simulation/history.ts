import type { AnyObject } from '../../api/kind-info.ts';
import { parseKey } from '../../apiserver/storage/keys.ts';
import type { MemoryStorage } from '../../apiserver/storage/memory-storage.ts';
import type { StorageBatch } from '../../apiserver/storage/storage.ts';
import { wholeVersion } from '../../apiserver/storage/version.ts';

/** One change of one object, as the store made it. */
export interface Change {
  readonly key: string;
  readonly resource: string;
  readonly version: number;
  readonly atMs: number;
  /** Undefined before creation. */
  readonly before: AnyObject | undefined;
  /** Undefined after deletion. */
  readonly after: AnyObject | undefined;
}

export interface KeyVersion {
  readonly version: number;
  /** Undefined: the object was gone from this version on. */
  readonly object: AnyObject | undefined;
}

const firstVersion = wholeVersion(1);

/** All that the store ever did, and its present state: what checks compare the world with. */
export class History {
  readonly #nowMs: () => number;
  readonly #byResource = new Map<string, Map<string, AnyObject>>();
  readonly #byKey = new Map<string, KeyVersion[]>();
  readonly #changesOf = new Map<string, Change[]>();
  readonly #known = new Set<number>();
  readonly #listeners: ((change: Change) => void)[] = [];
  /** What the store has reached. */
  version: number = firstVersion;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Follows `storage` for ever. */
  async follow(storage: MemoryStorage): Promise<void> {
    const never = new AbortController();
    for await (const batch of storage.watch(firstVersion, never.signal)) this.apply(batch);
  }

  onChange(listener: (change: Change) => void): void {
    this.#listeners.push(listener);
  }

  apply(batch: StorageBatch): void {
    this.version = batch.version;
    for (const event of batch.events) {
      const resource = parseKey(event.key)?.resource ?? '';
      const objects = this.#objects(resource);
      const before = objects.get(event.key);
      const after = event.type === 'put' ? (JSON.parse(event.json.toString()) as AnyObject) : undefined;
      if (after === undefined) objects.delete(event.key);
      else objects.set(event.key, after);
      this.#versions(event.key).push({ version: event.version, object: after });
      const change = {
        ...{ key: event.key, resource, version: event.version, before, after },
        atMs: this.#nowMs(),
      };
      this.#known.add(event.version);
      this.#log(resource).push(change);
      for (const listener of this.#listeners) listener(change);
    }
  }

  /** The objects of a storage resource (`/pods`, `apps/replicasets`) as they are now. */
  all<T extends AnyObject = AnyObject>(resource: string): T[] {
    return [...this.#objects(resource).values()] as T[];
  }

  get<T extends AnyObject = AnyObject>(key: string): T | undefined {
    return this.#byKey.get(key)?.at(-1)?.object as T | undefined;
  }

  /** Whether the store ever gave out this version for an object. */
  knows(version: number): boolean {
    return this.#known.has(version);
  }

  /** Oldest first. */
  changesOf(resource: string): readonly Change[] {
    return this.#log(resource);
  }

  /** The objects under `prefix` as they were when the store had reached `version`. */
  statesAt(version: number, prefix: string): AnyObject[] {
    const states: AnyObject[] = [];
    for (const [key, versions] of this.#byKey) {
      if (!key.startsWith(prefix)) continue;
      const object = versions.findLast((each) => each.version <= version)?.object;
      if (object !== undefined) states.push(object);
    }
    return states;
  }

  /** Oldest first. */
  versionsOf(key: string): readonly KeyVersion[] {
    return this.#byKey.get(key) ?? [];
  }

  #objects(resource: string): Map<string, AnyObject> {
    const known = this.#byResource.get(resource) ?? new Map<string, AnyObject>();
    this.#byResource.set(resource, known);
    return known;
  }

  #log(resource: string): Change[] {
    const known = this.#changesOf.get(resource) ?? [];
    this.#changesOf.set(resource, known);
    return known;
  }

  #versions(key: string): KeyVersion[] {
    const known = this.#byKey.get(key) ?? [];
    this.#byKey.set(key, known);
    return known;
  }
}
