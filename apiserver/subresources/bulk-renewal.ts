import type { AnyObject, KindInfo } from '../../api/kind-info.ts';
import { notFound, StatusError } from '../../api/status-error.ts';
import type { ApiRequest } from '../http/api-request.ts';
import type { VirtualHandler } from '../http/router.ts';
import type { WriteDependencies } from '../http/writes.ts';
import { invalidError } from '../registry/field-error.ts';
import type { KindStrategy, UserInfo, WriteContext } from '../registry/strategy.ts';
import { keyOf } from '../storage/keys.ts';
import type { StoragePut } from '../storage/storage.ts';
import type { CurrentObject } from '../store/request.ts';
import { type BulkResults, bulkAnswer, bulkKind, bulkRounds, readBulk, refusal } from './bulk-request.ts';
import { type Renewal, renewalKeys, renewedLease, toRenewal } from './renewal.ts';

/** Where agents keep their Leases. */
const namespace = 'kube-node-lease';
/** Leases read from the store at the same time. */
const readsAtOnce = 32;

/** Our own resource, beside bulk bindings. */
export const bulkRenewalKind: KindInfo = bulkKind('BulkRenewal');

/** One item that can be written, and where its result belongs. */
interface Planned {
  readonly at: number;
  readonly put: StoragePut;
}

/**
 * `POST /apis/coracle.dev/v1/bulkrenewals`, body `{items: [{name, holderIdentity, renewTime, annotations}, ...]}`: what
 * agents have told the detector, for their Leases in kube-node-lease. Each is written on its own condition, many in a
 * transaction: `renewTime`, if it is newer, and the annotation that tells the node's load; nothing else changes.
 * Answers 200 with `{kind: BulkRenewalResult, results: [...]}` in the order of the items.
 */
export function bulkRenewalHandler(deps: WriteDependencies): VirtualHandler {
  return async (request) => {
    const leases = deps.registry.byResource('coordination.k8s.io', 'v1', 'leases');
    if (leases === undefined) throw new TypeError('leases are served');
    const results = await new BulkRenewal(deps, leases, request.user).run(readRenewals(request));
    return bulkAnswer('BulkRenewalResult', results, 'lease');
  };
}

/** Per item what it asks for, or why that cannot be asked. @throws StatusError 400 for a body that is no list of items */
function readRenewals(request: ApiRequest): readonly (Renewal | StatusError)[] {
  const { fields, items } = readBulk(request, 'bulk renewal', renewalKeys);
  const raw = fields['items'] as readonly object[];
  return items.map((item, at) => {
    try {
      return toRenewal(item, Reflect.get(raw[at] ?? {}, 'annotations'));
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      return error;
    }
  });
}

class BulkRenewal {
  readonly #deps: WriteDependencies;
  readonly #leases: KindStrategy;
  readonly #user: UserInfo;

  constructor(deps: WriteDependencies, leases: KindStrategy, user: UserInfo) {
    this.#deps = deps;
    this.#leases = leases;
    this.#user = user;
  }

  async run(renewals: readonly (Renewal | StatusError)[]): Promise<BulkResults> {
    const results: BulkResults = renewals.map((each) =>
      each instanceof StatusError ? refusal(each) : undefined,
    );
    let planned = this.#planCached(renewals, results);
    for (let round = 0; ; round += 1) {
      await this.#commit(planned, results);
      if (round === bulkRounds || !results.includes(undefined)) return results;
      planned = await this.#planStored(renewals, results);
    }
  }

  /** What the cache objects to stays open: only the store can tell. */
  #planCached(renewals: readonly (Renewal | StatusError)[], results: BulkResults): Planned[] {
    const { source } = this.#deps.store.dependencies;
    const planned: Planned[] = [];
    for (const [at, renewal] of renewals.entries()) {
      if (renewal instanceof StatusError) continue;
      const lease = source.cached(this.#leases, namespace, renewal.name);
      if (lease !== undefined) this.#plan({ at, renewal, lease }, planned, results);
    }
    return planned;
  }

  async #planStored(renewals: readonly (Renewal | StatusError)[], results: BulkResults): Promise<Planned[]> {
    const { source } = this.#deps.store.dependencies;
    const open = renewals.flatMap((renewal, at) =>
      renewal instanceof StatusError || results[at] !== undefined ? [] : [{ at, renewal }],
    );
    const planned: Planned[] = [];
    for (let from = 0; from < open.length; from += readsAtOnce) {
      const part = open.slice(from, from + readsAtOnce);
      const found = await Promise.all(
        part.map(({ renewal }) => source.stored(this.#leases, namespace, renewal.name)),
      );
      for (const [nth, each] of part.entries()) this.#plan({ ...each, lease: found[nth] }, planned, results);
    }
    return planned;
  }

  #plan(
    {
      at,
      renewal,
      lease,
    }: { readonly at: number; readonly renewal: Renewal; readonly lease: CurrentObject | undefined },
    planned: Planned[],
    results: BulkResults,
  ): void {
    try {
      const put = this.#putOf(renewal, lease);
      if (put === undefined) results[at] = { code: 200 };
      else planned.push({ at, put });
    } catch (error) {
      // One Lease's refusal is its result, not the others'.
      if (!(error instanceof StatusError)) throw error;
      if (lease?.cached !== true) results[at] = refusal(error);
    }
  }

  /** @returns undefined when the Lease is renewed as far already @throws StatusError */
  #putOf(renewal: Renewal, lease: CurrentObject | undefined): StoragePut | undefined {
    const { name } = renewal;
    if (lease === undefined) throw notFound(this.#leases.kind, name);
    const object = renewedLease(lease.object, renewal, this.#leases.kind);
    if (object === undefined) return undefined;
    this.#validate(object, lease.object);
    return {
      type: 'put',
      key: keyOf(this.#leases.resource, namespace, name),
      object,
      expected: lease.version,
    };
  }

  #validate(next: AnyObject, current: AnyObject): void {
    const nowMs = this.#deps.clock.nowMs();
    const context: WriteContext = { user: this.#user, namespace, subresource: '', nowMs };
    const errors = this.#leases.validateUpdate(next, current, context);
    if (errors.length > 0) throw invalidError(this.#leases.kind, next.metadata.name ?? '', errors);
  }

  /** What lost a race for its Lease stays open. */
  async #commit(planned: readonly Planned[], results: BulkResults): Promise<void> {
    if (planned.length === 0) return;
    const { storage } = this.#deps.store.dependencies;
    const stored = await storage.commitEach(planned.map(({ put }) => put));
    for (const [index, { at }] of planned.entries()) {
      const outcome = stored[index];
      if (outcome !== undefined && !('conflict' in outcome)) results[at] = { code: 200 };
    }
  }
}
