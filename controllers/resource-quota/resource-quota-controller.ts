import type { ResourceQuota } from '../../api/generated/core-v1.ts';
import { pods, resourcequotas } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import { TaskGroup } from '../../base/task-group.ts';
import { Informer } from '../../client/informer.ts';
import { splitKey } from '../../client/object-key.ts';
import { collectionPath } from '../../client/resource-path.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { discoverResources } from '../discovery.ts';
import { type ControlLoop, ReconcileLoop } from '../loop.ts';
import { isSame } from '../structural-equality.ts';
import {
  type CountedKind,
  type CountedNames,
  countedKinds,
  isCountName,
  storageResource,
} from './counted-kinds.ts';
import { QuotaMonitors } from './quota-monitors.ts';
import { type Present, recount } from './recount.ts';

const workers = 5;
/** Many deletions in a row are counted once. */
const settleMs = 100;
/** A new limit is counted again when every server has heard of it: what came in between was not charged. */
const recheckMs = 1_000;
const resyncMs = 300_000;
const discoveryMs = 30_000;

/**
 * Counts what a namespace holds, and so gives back what deleted objects took. Objects that come are charged by the
 * API server in the transaction that stores them; here is only made room.
 *
 * INVARIANT: a count is written on condition that the quota is as it was before the count began, and the count shows
 * everything that was stored by then. Whatever is charged meanwhile changes the quota, and the count is made anew.
 */
export class ResourceQuotaController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #quotas: Informer<ResourceQuota>;
  readonly #loop: ReconcileLoop;
  readonly #monitors: QuotaMonitors;
  readonly #tasks = new TaskGroup();
  #kinds = new Map<string, CountedKind>();
  #discoveredMs = Number.NEGATIVE_INFINITY;

  constructor(context: ControllerContext) {
    this.#context = context;
    const { client, clock, random, logger } = context;
    this.#quotas = new Informer({ client, clock, random, logger, type: resourcequotas });
    this.#monitors = new QuotaMonitors(context, {
      isCounted: (namespace) => this.#quotas.lister.list(namespace).length > 0,
      freed: (kind, namespace) => this.#recountAll(kind, namespace),
    });
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'resource-quota', workers),
      needs: [this.#quotas, context.informers.pods],
      sync: (key) => this.#sync(key),
    });
    const enqueue = ({ metadata }: ResourceQuota): void =>
      this.#loop.enqueue(`${metadata.namespace}/${metadata.name}`);
    this.#quotas.addHandler({
      onAdd: enqueue,
      onUpdate: (previous, quota) => {
        if (!isSame(previous.spec, quota.spec)) enqueue(quota);
      },
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#tasks.start((own) => this.#quotas.run(own));
    await this.#loop.run(signal);
    this.#tasks.stop();
    await this.#tasks.join();
  }

  #recountAll(kind: CountedKind, namespace: string): void {
    for (const { metadata, spec } of this.#quotas.lister.list(namespace)) {
      const names = Object.keys(spec.hard ?? {});
      if (
        countedKinds(names, () => kind).some(
          (counted) => storageResource(counted.kind) === storageResource(kind),
        )
      )
        this.#loop.enqueueAfter(`${namespace}/${metadata.name}`, settleMs);
    }
  }

  async #sync(key: string): Promise<{ requeueAfterMs: number } | undefined> {
    const quota = await this.#read(key);
    if (quota === undefined) return undefined;
    const names = Object.keys(quota.spec.hard ?? {});
    await this.#discover(names);
    const present = new Map<CountedNames, Present>();
    for (const counted of countedKinds(names, (group, plural) => this.#kinds.get(`${group}/${plural}`))) {
      this.#monitors.follow(counted.kind, this.#tasks);
      present.set(counted, await this.#present(quota, counted));
    }
    const status = recount(quota, present, this.#context.clock.nowMs());
    if (isSame(quota.status ?? {}, status)) return { requeueAfterMs: resyncMs };
    await this.#context.client.update(resourcequotas, { ...quota, status }, { subresource: 'status' });
    return { requeueAfterMs: isSame(quota.status?.hard, status.hard) ? resyncMs : recheckMs };
  }

  /** From the server: the count must not be older than it. */
  async #read(key: string): Promise<ResourceQuota | undefined> {
    try {
      return await this.#context.client.get(resourcequotas, splitKey(key));
    } catch (error) {
      // Gone meanwhile: nothing to count.
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** All there is, at least as new as the quota. */
  async #present(quota: ResourceQuota, { kind, onlyNumber }: CountedNames): Promise<Present> {
    const namespace = quota.metadata.namespace ?? '';
    const { client, informers } = this.#context;
    const isScoped = (quota.spec.scopes ?? []).length > 0 || quota.spec.scopeSelector !== undefined;
    if (onlyNumber && !isScoped) return this.#count(kind, namespace);
    const seen = Number(informers.pods.lastResourceVersion ?? '0');
    if (kind === pods && seen >= Number(quota.metadata.resourceVersion))
      return informers.pods.lister.list(namespace);
    return (await client.list(kind, { namespace })).items;
  }

  /** One object and how many follow: the server knows without looking at them. */
  async #count(kind: CountedKind, namespace: string): Promise<number> {
    const path = `${collectionPath(kind, namespace)}?limit=1`;
    const { status, body } = await this.#context.client.request({ method: 'GET', path });
    if (status !== 200) throw new Error(`count ${kind.plural} of ${namespace}: HTTP status ${status}`);
    const { items, metadata } = JSON.parse(body.toString('utf8')) as {
      readonly items?: readonly object[];
      readonly metadata?: { readonly remainingItemCount?: number };
    };
    return (items ?? []).length + (metadata?.remainingItemCount ?? 0);
  }

  /** The kinds of the server, when a quota counts one that is not known (yet). */
  async #discover(names: readonly string[]): Promise<void> {
    const { client, clock } = this.#context;
    const counts = names.filter(isCountName);
    const isKnown = counts.every((name) => {
      const [plural = '', ...group] = name.replace(/^count\//, '').split('.');
      return this.#kinds.has(`${group.join('.')}/${plural}`);
    });
    if (isKnown || clock.monotonicMs() < this.#discoveredMs + discoveryMs) return;
    const found = await discoverResources(client);
    this.#discoveredMs = clock.monotonicMs();
    this.#kinds = new Map(found.map(({ type }) => [storageResource(type), type]));
  }
}
