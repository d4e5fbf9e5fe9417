import type { AnyObject } from '../../api/kind-info.ts';
import type { KindStrategy } from '../registry/strategy.ts';
import { keyOf } from '../storage/keys.ts';
import type { Storage } from '../storage/storage.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';
import type { CurrentObject } from './request.ts';
import { viewJson } from './stored-view.ts';

/** The present state of one object, from the cache where that will do. */
export class ObjectSource {
  readonly #storage: Storage;
  readonly #cache: ReadCache;

  constructor(storage: Storage, cache: ReadCache) {
    this.#storage = storage;
    this.#cache = cache;
  }

  /** May be behind the store, and must then be confirmed by the condition of the write. */
  cached(strategy: Stored, namespace: string, name: string): CurrentObject | undefined {
    const found = this.#cache.get(strategy.resource, namespace, name);
    return found === undefined ? undefined : toCurrent(strategy, found, true);
  }

  /** Straight from the store. */
  async stored(strategy: Stored, namespace: string, name: string): Promise<CurrentObject | undefined> {
    const found = await this.#storage.get(keyOf(strategy.resource, namespace, name));
    return found === undefined ? undefined : toCurrent(strategy, found, false);
  }
}

type Stored = Pick<KindStrategy, 'resource' | 'conversion'>;

function toCurrent(
  strategy: Stored,
  found: { readonly json: Buffer; readonly version: number },
  cached: boolean,
): CurrentObject {
  const { version } = found;
  const json = viewJson(strategy, found.json, version);
  return { object: parseObject(json), json, version, cached };
}

export function parseObject(json: Buffer): AnyObject {
  return JSON.parse(json.toString()) as AnyObject;
}
