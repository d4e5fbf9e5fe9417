import type { ResourceQuota } from '../../../api/generated/core-v1.ts';
import type { AnyObject } from '../../../api/kind-info.ts';
import { everything } from '../../../api/selector.ts';
import type { CachedObject, ReadCache } from '../../watch-cache/read-cache.ts';
import { type QuotaState, toQuotaState } from './charge.ts';

const resource = '/resourcequotas';

/** The quotas of namespaces: as the cache has them, or newer where this server has just written one. */
export class QuotaStates {
  readonly #cache: ReadCache;
  readonly #parsed = new WeakMap<CachedObject, QuotaState>();
  /** Own writes that the cache does not show yet, by key. */
  readonly #ahead = new Map<string, QuotaState>();

  constructor(cache: ReadCache) {
    this.#cache = cache;
  }

  of(namespace: string): QuotaState[] {
    if (this.#cache.count(resource) === 0) return [];
    const { objects } = this.#cache.list({ resource, namespace, labels: everything, fields: everything });
    return objects.map((cached) => {
      const ahead = this.#ahead.get(cached.key);
      if (ahead !== undefined && ahead.version > cached.version && ahead.version > this.#cache.version)
        return ahead;
      this.#ahead.delete(cached.key);
      return this.#parse(cached);
    });
  }

  wrote(state: QuotaState): void {
    this.#ahead.set(state.key, state);
  }

  /** As the store is now, whoever wrote it. */
  async refresh(): Promise<void> {
    await this.#cache.waitCurrent();
  }

  forget(states: readonly QuotaState[]): void {
    for (const { key } of states) this.#ahead.delete(key);
  }

  #parse(cached: CachedObject): QuotaState {
    const known = this.#parsed.get(cached);
    if (known !== undefined) return known;
    const quota = JSON.parse(cached.json.toString()) as ResourceQuota & AnyObject;
    const state = toQuotaState(cached.key, cached.version, quota);
    this.#parsed.set(cached, state);
    return state;
  }
}
