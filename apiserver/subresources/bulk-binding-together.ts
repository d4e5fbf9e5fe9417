/**
 * Bindings that stand or fall together, as those of a pod group do: one transaction, on the condition of every pod in
 * it. When one pod cannot be bound none is, and each of the others is told so (`together`).
 *
 * A transaction has room for `maxWritesPerTransaction` pods, and etcd for 1.5 MB. More are judged together, and none is
 * written when one of them is refused; but they are written in several transactions, so a pod that changes in the
 * milliseconds between stays out while the others are bound.
 */

import { badRequest } from '../../api/status-error.ts';
import type { WriteDependencies } from '../http/writes.ts';
import {
  type StorageCheck,
  type StorageConflict,
  StorageError,
  type StoragePut,
  type StoredObject,
} from '../storage/storage.ts';
import { maxWritesPerTransaction } from '../storage/version.ts';
import type { BindingView } from './binding-ledger.ts';
import { type BindingGuard, type BulkRequest, outdated, type Planned, planAll } from './binding-plan.ts';
import { type BulkResult, type BulkResults, bulkRounds } from './bulk-request.ts';

export async function bindTogether(
  deps: WriteDependencies,
  guard: BindingGuard,
  { view, items }: BulkRequest,
): Promise<BulkResults> {
  if (new Set(items.map(({ namespace, name }) => `${namespace}/${name}`)).size < items.length)
    throw badRequest('bulk binding: items: name a pod twice');
  for (let round = 0; round < bulkRounds; round += 1) {
    const results: BulkResults = items.map(() => undefined);
    const planned = await planAll(deps, items, results, round > 0);
    if (results.some((result) => result !== undefined)) {
      guard.ledger.refuse(view, planned);
      return results.map((result) => result ?? withTheOthers);
    }
    // What the cache says may be old: it is read again.
    if (planned.length < items.length) continue;
    const done = await bindPlanned(deps, guard, view, planned);
    if (done !== undefined) return done;
  }
  return items.map(() => keepsChanging);
}

const withTheOthers: BulkResult = {
  ...{ code: 409, reason: 'Conflict', together: true },
  message: 'another pod that is to be bound together with this one is refused',
};
const keepsChanging: BulkResult = {
  ...{ code: 409, reason: 'Conflict', together: true },
  message: 'pods that are to be bound together keep changing',
};

/** @returns undefined when a pod or the turn has changed meanwhile, and nothing is written */
async function bindPlanned(
  deps: WriteDependencies,
  { ledger, fence }: BindingGuard,
  view: BindingView,
  planned: readonly Planned<StoragePut>[],
): Promise<BulkResults | undefined> {
  const turn = await fence.turn();
  if (view.seen !== undefined && view.seen < turn.floor) return planned.map(() => outdated(turn.floor));
  const { batch, isAllowed, unseen } = ledger.judge(view, planned, true);
  if (isAllowed.includes(false)) {
    batch.settle(0);
    await Promise.all(unseen.map(({ settled }) => settled));
    const until = Math.max(view.seen ?? 0, ...unseen.map(({ version }) => version));
    return planned.map(() => outdated(until));
  }
  let last = 0;
  try {
    const outcomes = await store(deps, planned, turn.check);
    for (const outcome of outcomes) if (!('conflict' in outcome)) last = Math.max(last, outcome.version);
    if (outcomes.some((outcome) => 'conflict' in outcome && outcome.key === turn.check.key)) fence.lost(turn);
    if (last === 0) return undefined;
    ledger.refuse(
      view,
      planned.filter((_, at) => 'conflict' in (outcomes[at] ?? {})),
    );
    return outcomes.map((outcome) => ('conflict' in outcome ? keepsChanging : { code: 201 }));
  } catch (error) {
    // Nobody can tell whether it was stored: as where each is bound for itself.
    fence.lost(turn);
    throw error;
  } finally {
    batch.settle(last);
  }
}

type Outcomes = readonly (StoredObject | StorageConflict)[];

/** In one transaction where there is room for all, else in several. */
async function store(
  { store: { dependencies } }: WriteDependencies,
  planned: readonly Planned<StoragePut>[],
  check: StorageCheck,
): Promise<Outcomes> {
  const { storage } = dependencies;
  const puts = planned.map(({ put }) => put);
  if (puts.length <= maxWritesPerTransaction)
    try {
      return await storage.commit([...puts, check]);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      const { conflict } = error;
      if (conflict !== undefined) return puts.map(() => conflict);
      if (error.code !== 'STORAGE_TOO_LARGE' || puts.length === 1) throw error;
    }
  return storage.commitEach(puts, [check]);
}
