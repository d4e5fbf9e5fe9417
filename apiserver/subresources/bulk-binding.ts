import type { Pod } from '../../api/generated/core-v1.ts';
import type { AnyObject, KindInfo } from '../../api/kind-info.ts';
import { badRequest, notFound, StatusError } from '../../api/status-error.ts';
import { topologyLabels } from '../admission/topology-labels.ts';
import type { Answer } from '../http/answer.ts';
import type { ApiRequest } from '../http/api-request.ts';
import type { VirtualHandler } from '../http/router.ts';
import type { WriteDependencies } from '../http/writes.ts';
import { keyOf } from '../storage/keys.ts';
import type { StoragePut } from '../storage/storage.ts';
import { parseVersion } from '../storage/version.ts';
import type { CurrentObject } from '../store/request.ts';
import { type BindingOrder, bindPod } from './binding.ts';
import type { BindingFence, Turn } from './binding-fence.ts';
import type { BindingLedger, BindingView, BindingWish } from './binding-ledger.ts';

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
  /** Refused because of what the scheduler has not seen: up to this version it should look before it tries again. */
  readonly until?: string;
}

/** What keeps several schedulers apart. */
export interface BindingGuard {
  readonly ledger: BindingLedger;
  readonly fence: BindingFence;
}

/**
 * `POST /apis/coracle.dev/v1/bulkbindings`, body `{scheduler, seen, request, answered, items: [{namespace, name, uid,
 * node}, ...]}`: binds every pod on its own condition, many in a transaction. `scheduler` names who asks and `seen` is
 * the resourceVersion up to which it knows all pods: an item that others' later bindings concern is refused. It numbers
 * its requests, and says up to which it had the answers when it decided. Answers 200 with
 * `{kind: BulkBinding, results: [...]}`.
 */
export function bulkBindingHandler(deps: WriteDependencies, guard: BindingGuard): VirtualHandler {
  return async (request) => {
    const asked = readRequest(request);
    const results = await bindAll(deps, guard, asked);
    return jsonOf({ kind: 'BulkBinding', apiVersion: 'coracle.dev/v1', results });
  };
}

const jsonOf = (value: object): Answer => ({
  status: 200,
  contentType: 'application/json',
  body: `${JSON.stringify(value)}\n`,
});

/** One item that can be written, and where its result belongs. */
interface Planned extends BindingWish {
  readonly at: number;
  readonly put: StoragePut;
}

type Results = (BulkResult | undefined)[];

async function bindAll(
  deps: WriteDependencies,
  guard: BindingGuard,
  { view, items }: BulkRequest,
): Promise<BulkResult[]> {
  const results: Results = items.map(() => undefined);
  for (let round = 0; round < rounds && results.includes(undefined); round += 1) {
    const planned = await planAll(deps, items, results, round > 0);
    if (planned.length > 0) await bindPlanned(deps, guard, { view, planned, results });
  }
  return results.map(
    (result) => result ?? { code: 409, reason: 'Conflict', message: 'the pod keeps changing' },
  );
}

async function planAll(
  deps: WriteDependencies,
  items: readonly BulkItem[],
  results: Results,
  isRepeated: boolean,
): Promise<Planned[]> {
  const { source } = deps.store.dependencies;
  const planned: Planned[] = [];
  for (const [at, item] of items.entries()) {
    if (results[at] !== undefined) continue;
    let pod = source.cached(podStorage, item.namespace, item.name);
    if (isRepeated || pod === undefined) pod = await source.stored(podStorage, item.namespace, item.name);
    const labels = topologyLabels(deps.cache, item.node);
    const plan = planPut({ ...item, labels }, pod, deps.clock.nowMs());
    if ('put' in plan) planned.push({ at, node: item.node, pod: plan.pod, put: plan.put });
    else if (pod?.cached !== true) results[at] = plan.result;
  }
  return planned;
}

interface Round {
  readonly view: BindingView;
  readonly planned: readonly Planned[];
  readonly results: Results;
}

/** Judges what is planned and stores what may be. What lost a race for its pod or the turn stays open. */
async function bindPlanned(
  deps: WriteDependencies,
  { ledger, fence }: BindingGuard,
  { view, planned, results }: Round,
): Promise<void> {
  const turn = await fence.turn();
  if (view.seen !== undefined && view.seen < turn.floor) {
    for (const { at } of planned) results[at] = outdated(turn.floor);
    return;
  }
  const { batch, isAllowed, unseen } = ledger.judge(view, planned);
  const allowed = planned.filter((_, index) => isAllowed[index]);
  let last = 0;
  try {
    last = await commit(deps, { turn, allowed, results, onTurnLost: () => fence.lost(turn) });
  } catch (error) {
    // Nobody can tell whether it was stored. After another turn has begun it is, and must have been seen, or never will be.
    fence.lost(turn);
    throw error;
  } finally {
    batch.settle(last);
  }
  if (allowed.length === planned.length) return;
  await Promise.all(unseen.map(({ settled }) => settled));
  const until = Math.max(view.seen ?? 0, ...unseen.map(({ version }) => version));
  for (const [index, { at }] of planned.entries())
    if (isAllowed[index] !== true) results[at] = outdated(until);
}

const outdated = (until: number): BulkResult => ({
  ...{ code: 409, reason: 'Conflict' },
  message: 'other schedulers have bound pods that concern this one and that its scheduler had not seen',
  until: String(until),
});

function planPut(
  item: BulkItem & Pick<BindingOrder, 'labels'>,
  pod: CurrentObject | undefined,
  nowMs: number,
): Pick<Planned, 'put' | 'pod'> | { readonly result: BulkResult } {
  try {
    if (pod === undefined) throw notFound({ group: '', plural: 'pods' }, item.name);
    const object = bindPod(pod.object, item, nowMs);
    const key = keyOf('/pods', item.namespace, item.name);
    return { pod: object as Pod & AnyObject, put: { type: 'put', key, object, expected: pod.version } };
  } catch (error) {
    // One pod's refusal is its result, not the batch's.
    if (!(error instanceof StatusError)) throw error;
    return { result: { code: error.code, reason: error.reason, message: error.message } };
  }
}

interface Commit {
  readonly turn: Turn;
  readonly allowed: readonly Planned[];
  readonly results: Results;
  readonly onTurnLost: () => void;
}

/** @returns the version of the last pod stored */
async function commit(
  deps: WriteDependencies,
  { turn, allowed, results, onTurnLost }: Commit,
): Promise<number> {
  if (allowed.length === 0) return 0;
  const { storage } = deps.store.dependencies;
  const puts = allowed.map(({ put }) => put);
  const stored = await storage.commitEach(puts, [turn.check]);
  let last = 0;
  for (const [index, { at }] of allowed.entries()) {
    const outcome = stored[index];
    if (outcome === undefined) continue;
    if (!('conflict' in outcome)) {
      results[at] = { code: 201 };
      last = Math.max(last, outcome.version);
    } else if (outcome.key === turn.check.key) onTurnLost();
  }
  return last;
}

interface BulkRequest {
  readonly view: BindingView;
  readonly items: readonly BulkItem[];
}

function readRequest(request: ApiRequest): BulkRequest {
  let body: unknown;
  try {
    body = JSON.parse(request.body.toString());
  } catch (error) {
    throw badRequest(`bulk binding: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { items, scheduler, seen, request: number, answered } = toFields(body);
  if (!Array.isArray(items)) throw badRequest('bulk binding: items: must be a list');
  if (items.length > bulkLimit) throw badRequest(`bulk binding: items: must have at most ${bulkLimit} items`);
  const writer = typeof scheduler === 'string' && scheduler !== '' ? scheduler : request.user.name;
  const view = { writer, seen: readSeen(seen), request: toCount(number), answered: toCount(answered) };
  return { view, items: items.map(toItem) };
}

const toFields = (body: unknown): Readonly<Record<string, unknown>> =>
  typeof body === 'object' && body !== null ? { ...body } : {};

const toCount = (value: unknown): number => (typeof value === 'number' ? value : 0);

function readSeen(seen: unknown): number | undefined {
  if (seen === undefined) return undefined;
  const version = typeof seen === 'string' ? parseVersion(seen) : undefined;
  if (version === undefined) throw badRequest('bulk binding: seen: must be a resourceVersion');
  return version;
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
