import type { KindInfo } from '../../api/kind-info.ts';
import { badRequest } from '../../api/status-error.ts';
import type { ApiRequest } from '../http/api-request.ts';
import type { VirtualHandler } from '../http/router.ts';
import type { WriteDependencies } from '../http/writes.ts';
import { parseVersion } from '../storage/version.ts';
import type { Turn } from './binding-fence.ts';
import type { BindingView } from './binding-ledger.ts';
import {
  type BindingGuard,
  type BulkRequest,
  itemKeys,
  outdated,
  type Planned,
  planAll,
  planTexts,
} from './binding-plan.ts';
import { bindTogether } from './bulk-binding-together.ts';
import {
  type BulkResult,
  type BulkResults,
  bulkAnswer,
  bulkKind,
  bulkRounds,
  readBulk,
} from './bulk-request.ts';

/** Our own resource, see `bulkBindingHandler`. */
export const bulkBindingKind: KindInfo = bulkKind('BulkBinding');

/**
 * `POST /apis/coracle.dev/v1/bulkbindings`, body `{scheduler, seen, request, answered, items: [{namespace, name, uid,
 * node}, ...]}`: binds every pod on its own condition, many in a transaction. `scheduler` names who asks and `seen` is
 * the resourceVersion up to which it knows all pods: an item that others' later bindings concern is refused. It numbers
 * its requests, and says up to which it had the answers when it decided. Answers 200 with
 * `{kind: BulkBinding, results: [...]}`. With `together: true` the items stand or fall together, see `bindTogether`.
 */
export function bulkBindingHandler(deps: WriteDependencies, guard: BindingGuard): VirtualHandler {
  return async (request) => {
    const { together, ...asked } = readRequest(request);
    const results = await (together ? bindTogether : bindAll)(deps, guard, asked);
    return bulkAnswer('BulkBinding', results);
  };
}

async function bindAll(
  deps: WriteDependencies,
  guard: BindingGuard,
  { view, items }: BulkRequest,
): Promise<BulkResults> {
  const results: BulkResults = items.map(() => undefined);
  const plain = planTexts(deps, items);
  if (plain.length > 0) await bindPlanned(deps, guard, { view, planned: plain, results });
  for (let round = 0; round < bulkRounds && results.includes(undefined); round += 1) {
    const planned = await planAll(deps, items, results, round > 0);
    if (planned.length > 0) await bindPlanned(deps, guard, { view, planned, results });
  }
  return results;
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
  for (const [index, { at, put, isMere }] of allowed.entries()) {
    const outcome = stored[index];
    if (outcome === undefined) continue;
    if (!('conflict' in outcome)) {
      results[at] = isMere ? merelyBound(put.expected, outcome.version) : { code: 201 };
      last = Math.max(last, outcome.version);
    } else if (outcome.key === turn.check.key) onTurnLost();
  }
  return last;
}

/** So that whoever asked need not read in its watch what it knows. */
const merelyBound = (before: number, version: number): BulkResult => ({
  ...{ code: 201, before: `${before}`, version: `${version}` },
});

function readRequest(request: ApiRequest): BulkRequest & { readonly together: boolean } {
  const { fields, items } = readBulk(request, 'bulk binding', itemKeys);
  const { scheduler, seen, request: number, answered, together = false } = fields;
  if (typeof together !== 'boolean') throw badRequest('bulk binding: together: must be true or false');
  const writer = typeof scheduler === 'string' && scheduler !== '' ? scheduler : request.user.name;
  const view = { writer, seen: readSeen(seen), request: toCount(number), answered: toCount(answered) };
  return { view, items, together };
}

const toCount = (value: unknown): number => (typeof value === 'number' ? value : 0);

function readSeen(seen: unknown): number | undefined {
  if (seen === undefined) return undefined;
  const version = typeof seen === 'string' ? parseVersion(seen) : undefined;
  if (version === undefined) throw badRequest('bulk binding: seen: must be a resourceVersion');
  return version;
}
