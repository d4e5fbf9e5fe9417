import type { AnyObject } from '../api/kind-info.ts';
import { isAlreadyExists } from '../api/status-error.ts';
import type { Clock } from '../base/clock.ts';
import { invariant } from '../base/invariant.ts';
import type { Logger } from '../base/logger.ts';
import type { ApiServerFlags } from './flags.ts';
import type { Registry } from './registry/registry.ts';
import type { UserInfo } from './registry/strategy.ts';
import type { ObjectStore } from './store/object-store.ts';
import type { ReadCache } from './watch-cache/read-cache.ts';

export interface BootstrapOptions {
  readonly flags: ApiServerFlags;
  readonly store: ObjectStore;
  readonly registry: Registry;
  readonly cache: ReadCache;
  readonly clock: Clock;
  readonly logger: Logger;
}

const systemNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** The server's own identity towards the store. */
const self: UserInfo = {
  name: 'system:apiserver',
  uid: '',
  groups: ['system:masters'],
  extra: {},
};

/** What every cluster has before anybody asks. Idempotent, so that each server may do it at its start. */
export class Bootstrap {
  readonly #options: BootstrapOptions;

  constructor(options: BootstrapOptions) {
    this.#options = options;
  }

  async ensureObjects(_signal: AbortSignal): Promise<void> {
    for (const name of systemNamespaces)
      await this.#ensure('', 'v1', 'namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }

  /** Until the server ends. */
  async run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async #ensure(
    group: string,
    version: string,
    plural: string,
    object: { readonly apiVersion: string; readonly kind: string; readonly metadata: object },
  ): Promise<void> {
    const { store, registry, cache } = this.#options;
    const strategy = registry.byResource(group, version, plural);
    invariant(strategy !== undefined, `kind ${plural} is served`);
    const complete = structuredClone(object) as AnyObject;
    const { name = '', namespace = '' } = complete.metadata;
    if (cache.get(strategy.resource, namespace, name) !== undefined) return;
    try {
      await store.create({
        ...{ strategy, namespace, name: '', subresource: '', user: self, dryRun: false },
        ...{ object: complete, fieldManager: 'kube-apiserver' },
      });
    } catch (error) {
      // Another server was first, which is what we want.
      if (!isAlreadyExists(error)) throw error;
    }
  }
}
