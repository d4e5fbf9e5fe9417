import { everything } from '../../api/selector.ts';
import type { CachedObject, ReadCache } from '../watch-cache/read-cache.ts';

/** What plugins read: the cache's objects, each version parsed once however many requests ask for it. */
export class Lookup {
  readonly #cache: ReadCache;
  readonly #parsed = new WeakMap<CachedObject, object>();

  constructor(cache: ReadCache) {
    this.#cache = cache;
  }

  /** What is missing may have been made a moment ago: the store is asked before the answer is no. */
  async find<T extends object>(resource: string, namespace: string, name: string): Promise<T | undefined> {
    const found = await this.findCached(resource, namespace, name);
    return found === undefined ? undefined : this.#parse<T>(found);
  }

  async findCached(resource: string, namespace: string, name: string): Promise<CachedObject | undefined> {
    const found = this.#cache.get(resource, namespace, name);
    if (found !== undefined) return found;
    await this.#cache.waitCurrent();
    return this.#cache.get(resource, namespace, name);
  }

  /** Of one namespace, or all when it is empty. Costs nothing where there are none; for kinds with few objects. */
  list<T extends object>(resource: string, namespace = ''): readonly T[] {
    if (this.#cache.count(resource) === 0) return [];
    const { objects } = this.#cache.list({ resource, namespace, labels: everything, fields: everything });
    return objects.map((object) => this.#parse<T>(object));
  }

  #parse<T extends object>(cached: CachedObject): T {
    const known = this.#parsed.get(cached);
    if (known !== undefined) return known as T;
    const parsed = JSON.parse(cached.json.toString()) as T;
    this.#parsed.set(cached, parsed);
    return parsed;
  }
}
