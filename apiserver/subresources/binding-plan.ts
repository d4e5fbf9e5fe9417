/** Which pods of a bulk binding can be written, and how. */
import type { Pod } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { notFound, StatusError } from '../../api/status-error.ts';
import { topologyLabels } from '../admission/topology-labels.ts';
import type { WriteDependencies } from '../http/writes.ts';
import { keyOf } from '../storage/keys.ts';
import type { StoragePut, StorageRewrite } from '../storage/storage.ts';
import type { CurrentObject } from '../store/request.ts';
import type { CachedObject } from '../watch-cache/read-cache.ts';
import { type BindingOrder, bindPod } from './binding.ts';
import type { BindingFence } from './binding-fence.ts';
import type { BindingLedger, BindingView, BindingWish, JudgedPod } from './binding-ledger.ts';
import { boundText } from './binding-text.ts';
import { type BulkResult, type BulkResults, refusal } from './bulk-request.ts';

export const itemKeys = ['namespace', 'name', 'uid', 'node'] as const;
export type BulkItem = Readonly<Record<(typeof itemKeys)[number], string>>;

/** What keeps several schedulers apart. */
export interface BindingGuard {
  readonly ledger: BindingLedger;
  readonly fence: BindingFence;
}

/** Who asks for what. */
export interface BulkRequest {
  readonly view: BindingView;
  readonly items: readonly BulkItem[];
}

const podStorage = { resource: '/pods' };

/** One item that can be written, and where its result belongs. */
export interface Planned<P extends StoragePut | StorageRewrite = StoragePut | StorageRewrite>
  extends BindingWish {
  readonly at: number;
  readonly put: P;
  /** It gets its node, and nothing else of it changes. */
  readonly isMere: boolean;
}

/** Of what has no result yet; what cannot be written gets one. */
export async function planAll(
  deps: WriteDependencies,
  items: readonly BulkItem[],
  results: BulkResults,
  isRepeated: boolean,
): Promise<Planned<StoragePut>[]> {
  const { source } = deps.store.dependencies;
  const planned: Planned<StoragePut>[] = [];
  for (const [at, item] of items.entries()) {
    if (results[at] !== undefined) continue;
    let pod = source.cached(podStorage, item.namespace, item.name);
    if (isRepeated || pod === undefined) pod = await source.stored(podStorage, item.namespace, item.name);
    const labels = topologyLabels(deps.cache, item.node);
    const plan = planPut({ ...item, labels }, pod, deps.clock.nowMs());
    const isMere = labels === undefined;
    if ('put' in plan) planned.push({ at, node: item.node, pod: plan.pod, put: plan.put, isMere });
    else if (pod?.cached !== true) results[at] = plan.result;
  }
  return planned;
}

/** Of plain pods as the cache has them; the others stay open. */
export function planTexts(deps: WriteDependencies, items: readonly BulkItem[]): Planned<StorageRewrite>[] {
  const nowMs = deps.clock.nowMs();
  const planned: Planned<StorageRewrite>[] = [];
  for (const [at, { namespace, name, uid, node }] of items.entries()) {
    const pod = deps.cache.get(podStorage.resource, namespace, name);
    if (pod === undefined || pod.uid !== uid) continue;
    const labels = topologyLabels(deps.cache, node);
    const bytes = boundText(pod, { node, labels }, nowMs);
    if (bytes === undefined) continue;
    const { key, version: expected } = pod;
    const changes = { fields: { 'spec.nodeName': node }, labels };
    planned.push({
      ...{ at, node, pod: plainPod(pod, labels), isMere: labels === undefined },
      put: { type: 'rewrite', key, bytes, expected, changes },
    });
  }
  return planned;
}

const plainPod = ({ namespace, labels: own }: CachedObject, labels: BindingOrder['labels']): JudgedPod => ({
  metadata: { namespace, labels: { ...Object.fromEntries(own), ...labels } },
  spec: {},
});

export const outdated = (until: number): BulkResult => ({
  ...{ code: 409, reason: 'Conflict' },
  message: 'other schedulers have bound pods that concern this one and that its scheduler had not seen',
  until: String(until),
});

function planPut(
  item: BulkItem & Pick<BindingOrder, 'labels'>,
  pod: CurrentObject | undefined,
  nowMs: number,
): Pick<Planned<StoragePut>, 'put' | 'pod'> | { readonly result: BulkResult } {
  try {
    if (pod === undefined) throw notFound({ group: '', plural: 'pods' }, item.name);
    const object = bindPod(pod.object, item, nowMs);
    const key = keyOf('/pods', item.namespace, item.name);
    return {
      pod: object as Pod & AnyObject,
      put: { type: 'put', key, object, expected: pod.version, isLikely: true },
    };
  } catch (error) {
    // One pod's refusal is its result, not the batch's.
    if (!(error instanceof StatusError)) throw error;
    return { result: refusal(error) };
  }
}
