import type { AnyObject, KindInfo } from '../../api/kind-info.ts';
import { badRequest, notFound, StatusError } from '../../api/status-error.ts';
import { topologyLabels } from '../admission/topology-labels.ts';
import type { Answer } from '../http/answer.ts';
import type { ApiRequest } from '../http/api-request.ts';
import type { VirtualHandler } from '../http/router.ts';
import type { WriteDependencies } from '../http/writes.ts';
import { keyOf } from '../storage/keys.ts';
import type { StoragePut } from '../storage/storage.ts';
import type { CurrentObject } from '../store/request.ts';
import { type BindingOrder, bindPod } from './binding.ts';

/** Pods that one request may bind. */
const bulkLimit = 1_000;
const podStorage = { resource: '/pods' };
/** Rounds for pods that somebody else changed meanwhile. */
const rounds = 3;

/** Our own resource: discovery shows it, so that a client can tell whether it is there. */
export const bulkBindingKind: KindInfo = {
  group: 'coracle.dev',
  version: 'v1',
  kind: 'BulkBinding',
  plural: 'bulkbindings',
  singular: 'bulkbinding',
  namespaced: false,
  verbs: ['create'],
  shortNames: [],
  categories: [],
  subresources: [],
  schema: '',
};

export interface BulkItem {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly node: string;
}

/** What became of one item, in the order of the request. `code` is 201, or as the single binding would answer. */
export interface BulkResult {
  readonly code: number;
  readonly reason?: string;
  readonly message?: string;
}

/**
 * `POST /apis/coracle.dev/v1/bulkbindings`, body `{items: [{namespace, name, uid, node}, ...]}`: binds every pod on
 * its own condition, many in a transaction. Answers 200 with `{kind: BulkBinding, results: [...]}`.
 */
export function bulkBindingHandler(deps: WriteDependencies): VirtualHandler {
  return async (request) => {
    const results = await bindAll(deps, readItems(request));
    return jsonOf({ kind: 'BulkBinding', apiVersion: 'coracle.dev/v1', results });
  };
}

const jsonOf = (value: object): Answer => ({
  status: 200,
  contentType: 'application/json',
  body: `${JSON.stringify(value)}\n`,
});

async function bindAll(deps: WriteDependencies, items: readonly BulkItem[]): Promise<BulkResult[]> {
  const results: (BulkResult | undefined)[] = items.map(() => undefined);
  const { source } = deps.store.dependencies;
  for (let round = 0; round < rounds; round += 1) {
    const open = items.map((item, at) => ({ item, at })).filter(({ at }) => results[at] === undefined);
    if (open.length === 0) break;
    const puts: { readonly at: number; readonly put: StoragePut }[] = [];
    for (const { item, at } of open) {
      let pod = source.cached(podStorage, item.namespace, item.name);
      if (round > 0 || pod === undefined) pod = await source.stored(podStorage, item.namespace, item.name);
      const labels = topologyLabels(deps.cache, item.node);
      const planned = planPut({ ...item, labels }, pod, deps.clock.nowMs());
      if ('put' in planned) puts.push({ at, put: planned.put });
      else if (pod?.cached !== true) results[at] = planned.result;
    }
    await commit(deps, puts, results);
  }
  return results.map(
    (result) => result ?? { code: 409, reason: 'Conflict', message: 'the pod keeps changing' },
  );
}

function planPut(
  item: BulkItem & Pick<BindingOrder, 'labels'>,
  pod: CurrentObject | undefined,
  nowMs: number,
): { readonly put: StoragePut } | { readonly result: BulkResult } {
  try {
    if (pod === undefined) throw notFound({ group: '', plural: 'pods' }, item.name);
    const object: AnyObject = bindPod(pod.object, item, nowMs);
    const key = keyOf('/pods', item.namespace, item.name);
    return { put: { type: 'put', key, object, expected: pod.version } };
  } catch (error) {
    // One pod's refusal is its result, not the batch's.
    if (!(error instanceof StatusError)) throw error;
    return { result: { code: error.code, reason: error.reason, message: error.message } };
  }
}

async function commit(
  deps: WriteDependencies,
  puts: readonly { readonly at: number; readonly put: StoragePut }[],
  results: (BulkResult | undefined)[],
): Promise<void> {
  if (puts.length === 0) return;
  const stored = await deps.store.dependencies.storage.commitEach(puts.map(({ put }) => put));
  for (const [index, { at }] of puts.entries()) {
    const outcome = stored[index];
    if (outcome !== undefined && !('conflict' in outcome)) results[at] = { code: 201 };
  }
}

function readItems(request: ApiRequest): BulkItem[] {
  let body: unknown;
  try {
    body = JSON.parse(request.body.toString());
  } catch (error) {
    throw badRequest(`bulk binding: ${error instanceof Error ? error.message : String(error)}`);
  }
  const items = typeof body === 'object' && body !== null && 'items' in body ? body.items : undefined;
  if (!Array.isArray(items)) throw badRequest('bulk binding: items: must be a list');
  if (items.length > bulkLimit) throw badRequest(`bulk binding: items: must have at most ${bulkLimit} items`);
  return items.map(toItem);
}

function toItem(value: unknown, at: number): BulkItem {
  const read = (key: string): string => {
    const text: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
    if (typeof text !== 'string' || text === '')
      throw badRequest(`bulk binding: items[${at}].${key}: Required value`);
    return text;
  };
  return { namespace: read('namespace'), name: read('name'), uid: read('uid'), node: read('node') };
}
