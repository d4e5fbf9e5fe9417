import type { AnyObject } from '../../api/kind-info.ts';
import { keyOf } from '../storage/keys.ts';
import type { Storage } from '../storage/storage.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';
import type { CurrentObject } from './request.ts';

/** The present state of one object, from the cache where that will do. */
export class ObjectSource {
  readonly #storage: Storage;
  readonly #cache: ReadCache;

  constructor(storage: Storage, cache: ReadCache) {
    this.#storage = storage;
    this.#cache = cache;
  }

  /** May be behind the store, and must then be confirmed by the condition of the write. */
  cached(resource: string, namespace: string, name: string): CurrentObject | undefined {
    const found = this.#cache.get(resource, namespace, name);
    return found === undefined
      ? undefined
      : { object: parseObject(found.json), json: found.json, version: found.version, cached: true };
  }

  /** Straight from the store. */
  async stored(resource: string, namespace: string, name: string): Promise<CurrentObject | undefined> {
    const found = await this.#storage.get(keyOf(resource, namespace, name));
    return found === undefined
      ? undefined
      : { object: parseObject(found.json), json: found.json, version: found.version, cached: false };
  }
}

export function parseObject(json: Buffer): AnyObject {
  return JSON.parse(json.toString()) as AnyObject;
}
