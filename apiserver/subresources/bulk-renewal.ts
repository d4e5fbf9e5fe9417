import type { Lease } from '../../api/generated/coordination-v1.ts';
import type { AnyObject, KindInfo } from '../../api/kind-info.ts';
import { notFound, StatusError } from '../../api/status-error.ts';
import type { ApiRequest } from '../http/api-request.ts';
import type { VirtualHandler } from '../http/router.ts';
import type { WriteDependencies } from '../http/writes.ts';
import { invalidError } from '../registry/field-error.ts';
import type { KindStrategy, UserInfo, WriteContext } from '../registry/strategy.ts';
import { keyOf } from '../storage/keys.ts';
import type { StorageRewrite } from '../storage/storage.ts';
import { parseObject } from '../store/object-source.ts';
import { type BulkResults, bulkAnswer, bulkKind, bulkRounds, readBulk, refusal } from './bulk-request.ts';
import { LeaseTexts, type RenewedText, renewedText, toLeaseText } from './lease-text.ts';
import { isDue, type Renewal, renewalKeys, renewedLease, toRenewal } from './renewal.ts';

/** Where agents keep their Leases. */
const namespace = 'kube-node-lease';
/** Leases read from the store at the same time. */
const readsAtOnce = 32;
/** A Lease whose places are not known takes 0.15 ms, one whose are a hundredth of it; others have their turn in between. */
const plannedPerTurn = 100;

/** Our own resource, beside bulk bindings. */
export const bulkRenewalKind: KindInfo = bulkKind('BulkRenewal');

/**
 * `POST /apis/coracle.dev/v1/bulkrenewals`, body `{items: [{name, holderIdentity, renewTime, annotations}, ...]}`: what
 * agents have told the detector, for their Leases in kube-node-lease. Each is written on its own condition, many in a
 * transaction: `renewTime`, if it is newer, and the annotation that tells the node's load; nothing else changes.
 * Answers 200 with `{kind: BulkRenewalResult, results: [...]}` in the order of the items.
 */
export function bulkRenewalHandler(deps: WriteDependencies): VirtualHandler {
  const texts = new LeaseTexts();
  return async (request) => {
    const leases = deps.registry.byResource('coordination.k8s.io', 'v1', 'leases');
    if (leases === undefined) throw new TypeError('leases are served');
    const renewing = new BulkRenewal({ deps, texts, leases, user: request.user });
    return bulkAnswer('BulkRenewalResult', await renewing.run(readRenewals(request)), 'lease');
  };
}

/** What an item asks for, or why that cannot be asked. */
type Item = Renewal | StatusError;

/** @throws StatusError 400 for a body that is no list of items */
function readRenewals(request: ApiRequest): readonly Item[] {
  const { fields, items } = readBulk(request, 'bulk renewal', renewalKeys);
  const raw = fields['items'] as readonly { readonly annotations?: unknown }[];
  return items.map((item, at) => {
    try {
      return toRenewal(item, raw[at]?.annotations);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      return error;
    }
  });
}

/** A Lease as it was found. */
interface Found {
  readonly key: string;
  readonly version: number;
  readonly json: Buffer;
}

/** One item that can be written, and where its result belongs. */
interface Planned {
  readonly at: number;
  readonly name: string;
  readonly put: StorageRewrite;
  readonly text: RenewedText['text'];
}

class BulkRenewal {
  readonly #deps: WriteDependencies;
  readonly #texts: LeaseTexts;
  readonly #leases: KindStrategy;
  readonly #user: UserInfo;

  constructor(options: {
    readonly deps: WriteDependencies;
    readonly texts: LeaseTexts;
    readonly leases: KindStrategy;
    readonly user: UserInfo;
  }) {
    this.#deps = options.deps;
    this.#texts = options.texts;
    this.#leases = options.leases;
    this.#user = options.user;
  }

  async run(items: readonly Item[]): Promise<BulkResults> {
    const results: BulkResults = items.map((item) =>
      item instanceof StatusError ? refusal(item) : undefined,
    );
    await this.#commit(await this.#planCached(items, results), results);
    for (let round = 0; round < bulkRounds && results.includes(undefined); round += 1)
      await this.#commit(await this.#planStored(items, results), results);
    return results;
  }

  /** What the cache objects to stays open: only the store can tell. */
  async #planCached(items: readonly Item[], results: BulkResults): Promise<Planned[]> {
    const { clock } = this.#deps;
    const planned: Planned[] = [];
    for (const [at, item] of items.entries()) {
      if (at > 0 && at % plannedPerTurn === 0)
        await new Promise<void>((resolve) => clock.setImmediate(resolve));
      if (item instanceof StatusError) continue;
      const lease = this.#deps.cache.get(this.#leases.resource, namespace, item.name);
      if (lease === undefined) continue;
      const plan = this.#plan(item, lease);
      if (!(plan instanceof StatusError)) place(plan, at, { planned, results });
    }
    return planned;
  }

  async #planStored(items: readonly Item[], results: BulkResults): Promise<Planned[]> {
    const { storage } = this.#deps.store.dependencies;
    const open = items.flatMap((renewal, at) =>
      renewal instanceof StatusError || results[at] !== undefined ? [] : [{ at, renewal }],
    );
    const planned: Planned[] = [];
    for (let from = 0; from < open.length; from += readsAtOnce) {
      const part = open.slice(from, from + readsAtOnce);
      const found = await Promise.all(
        part.map(({ renewal: { name } }) => storage.get(keyOf(this.#leases.resource, namespace, name))),
      );
      for (const [nth, { at, renewal }] of part.entries()) {
        const plan = this.#plan(renewal, found[nth]);
        // One Lease's refusal is its result, not the others'.
        if (plan instanceof StatusError) results[at] = refusal(plan);
        else place(plan, at, { planned, results });
      }
    }
    return planned;
  }

  /** @returns undefined when the Lease is renewed as far already, or why it cannot be */
  #plan(renewal: Renewal, found: Found | undefined): Omit<Planned, 'at'> | StatusError | undefined {
    const { kind } = this.#leases;
    if (found === undefined) return notFound(kind, renewal.name);
    try {
      const renewed = this.#renewed(found, renewal);
      if (renewed === undefined) return undefined;
      const { bytes, text } = renewed;
      return {
        name: renewal.name,
        put: { type: 'rewrite', key: found.key, bytes, expected: found.version },
        text,
      };
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      return error;
    }
  }

  /** @throws StatusError */
  #renewed({ version, json }: Found, renewal: Renewal): RenewedText | undefined {
    const { kind } = this.#leases;
    const text = this.#texts.get(renewal.name, version);
    if (text !== undefined) {
      if (!isDue(text, renewal, kind)) return undefined;
      const renewed = renewedText(json, String(version).length, { text, renewal });
      if (renewed !== undefined) return renewed;
    }
    const lease = parseObject(json);
    if (!isDue((lease as Lease & AnyObject).spec ?? {}, renewal, kind)) return undefined;
    const next = renewedLease(lease, renewal);
    this.#validate(next, lease);
    return toLeaseText(next);
  }

  #validate(next: AnyObject, current: AnyObject): void {
    const nowMs = this.#deps.clock.nowMs();
    const context: WriteContext = { user: this.#user, namespace, subresource: '', nowMs };
    const errors = this.#leases.validateUpdate(next, current, context);
    if (errors.length > 0) throw invalidError(this.#leases.kind, next.metadata.name, errors);
  }

  /** What lost a race for its Lease stays open. */
  async #commit(planned: readonly Planned[], results: BulkResults): Promise<void> {
    if (planned.length === 0) return;
    const { storage } = this.#deps.store.dependencies;
    const stored = await storage.commitEach(planned.map(({ put }) => put));
    for (const [index, { at, name, text }] of planned.entries()) {
      const outcome = stored[index];
      if (outcome === undefined || 'conflict' in outcome) continue;
      results[at] = { code: 200 };
      if (text !== undefined) this.#texts.remember(name, outcome.version, text);
    }
  }
}

/** Where there is nothing to write, that is the result. */
function place(
  plan: Omit<Planned, 'at'> | undefined,
  at: number,
  { planned, results }: { readonly planned: Planned[]; readonly results: BulkResults },
): void {
  if (plan === undefined) results[at] = { code: 200 };
  else planned.push({ at, ...plan });
}
