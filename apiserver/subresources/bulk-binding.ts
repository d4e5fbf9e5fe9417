import type { Pod } from '../../api/generated/core-v1.ts';
import type { AnyObject, KindInfo } from '../../api/kind-info.ts';
import { badRequest, notFound, StatusError } from '../../api/status-error.ts';
import { topologyLabels } from '../admission/topology-labels.ts';
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
import {
  type BulkResult,
  type BulkResults,
  bulkAnswer,
  bulkKind,
  bulkRounds,
  readBulk,
  refusal,
} from './bulk-request.ts';

const podStorage = { resource: '/pods' };

/** Our own resource, see `bulkBindingHandler`. */
export const bulkBindingKind: KindInfo = bulkKind('BulkBinding');

const itemKeys = ['namespace', 'name', 'uid', 'node'] as const;
type BulkItem = Readonly<Record<(typeof itemKeys)[number], string>>;

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
    return bulkAnswer('BulkBinding', results);
  };
}

/** One item that can be written, and where its result belongs. */
interface Planned extends BindingWish {
  readonly at: number;
  readonly put: StoragePut;
}

async function bindAll(
  deps: WriteDependencies,
  guard: BindingGuard,
  { view, items }: BulkRequest,
): Promise<BulkResults> {
  const results: BulkResults = items.map(() => undefined);
  for (let round = 0; round < bulkRounds && results.includes(undefined); round += 1) {
    const planned = await planAll(deps, items, results, round > 0);
    if (planned.length > 0) await bindPlanned(deps, guard, { view, planned, results });
  }
  return results;
}

async function planAll(
  deps: WriteDependencies,
  items: readonly BulkItem[],
  results: BulkResults,
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
  readonly results: BulkResults;
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
    return { result: refusal(error) };
  }
}

interface Commit {
  readonly turn: Turn;
  readonly allowed: readonly Planned[];
  readonly results: BulkResults;
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
  const { fields, items } = readBulk(request, 'bulk binding', itemKeys);
  const { scheduler, seen, request: number, answered } = fields;
  const writer = typeof scheduler === 'string' && scheduler !== '' ? scheduler : request.user.name;
  const view = { writer, seen: readSeen(seen), request: toCount(number), answered: toCount(answered) };
  return { view, items };
}

const toCount = (value: unknown): number => (typeof value === 'number' ? value : 0);

function readSeen(seen: unknown): number | undefined {
  if (seen === undefined) return undefined;
  const version = typeof seen === 'string' ? parseVersion(seen) : undefined;
  if (version === undefined) throw badRequest('bulk binding: seen: must be a resourceVersion');
  return version;
}
