import type { AnyObject } from '../../api/kind-info.ts';
import { notFound, StatusError } from '../../api/status-error.ts';
import { toTime } from '../../base/clock.ts';
import { toAttributes } from '../admission/admission.ts';
import type { KindStrategy } from '../registry/strategy.ts';
import { keyOf } from '../storage/keys.ts';
import type { StoredObject } from '../storage/storage.ts';
import { namespaceFinalizers } from './deletion-state.ts';
import type { CurrentObject, ObjectRequest } from './request.ts';
import { isStorageConflict } from './storage-failure.ts';
import type { StoreDependencies } from './store-dependencies.ts';
import { toStored, viewJson } from './stored-view.ts';
import { toWireJson } from './wire-json.ts';

export interface DeletePreconditions {
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

export interface DeleteRequest extends ObjectRequest {
  readonly gracePeriodSeconds: number | undefined;
  readonly propagation: 'Orphan' | 'Background' | 'Foreground' | undefined;
  readonly preconditions: DeletePreconditions;
}

export interface Deleted {
  /** Whether the object is gone; else it is only marked. */
  readonly gone: boolean;
  /** Its last state, with the marks. */
  readonly json: Buffer;
  readonly uid: string;
}

const orphanFinalizer = 'orphan';
const foregroundFinalizer = 'foregroundDeletion';
const deleteAttempts = 16;

/** What a deletion does to an object as it stands. */
export type DeletePlan =
  | { readonly step: 'remove'; readonly object: AnyObject }
  | { readonly step: 'mark'; readonly object: AnyObject }
  /** It is on its way already. */
  | { readonly step: 'nothing' };

type DeleteDependencies = Pick<StoreDependencies, 'storage' | 'admission' | 'reservers' | 'clock'> & {
  readonly source: Pick<StoreDependencies['source'], 'cached' | 'stored'>;
};

/** Deletes or marks for deletion: grace period, finalizers, propagation. */
export async function deleteObject(deps: DeleteDependencies, request: DeleteRequest): Promise<Deleted> {
  const { strategy, namespace, name } = request;
  let current = deps.source.cached(strategy, namespace, name);
  current ??= await deps.source.stored(strategy, namespace, name);
  let begun: Deleted | undefined;
  for (let attempt = 0; attempt < deleteAttempts; attempt += 1) {
    // Whoever else removed what this request had marked has done its work.
    if (begun !== undefined && current?.object.metadata.uid !== begun.uid) return begun;
    if (current === undefined) throw notFound(strategy.kind, name);
    try {
      const outcome = await deleteOnce(deps, request, current);
      if (outcome.step === 'done') return outcome.deleted;
      begun = outcome.begun ?? begun;
    } catch (error) {
      // An objection that rests on the cache counts only if the store says the same.
      if (!current.cached) throw error;
    }
    current = await deps.source.stored(strategy, namespace, name);
  }
  throw new StatusError({
    reason: 'ServerTimeout',
    code: 500,
    message: `delete ${strategy.kind.plural} "${name}": the object is being changed all the time`,
    details: { retryAfterSeconds: 1 },
  });
}

type DeleteOutcome =
  | { readonly step: 'done'; readonly deleted: Deleted }
  /** Another write came first. `begun` is the answer if that one removed what this request had marked. */
  | { readonly step: 'again'; readonly begun?: Deleted };

async function deleteOnce(
  deps: DeleteDependencies,
  request: DeleteRequest,
  current: CurrentObject,
): Promise<DeleteOutcome> {
  const { strategy, namespace, name } = request;
  checkPreconditions(request, current);
  const attributes = toAttributes({
    operation: 'DELETE',
    strategy,
    namespace,
    name,
    subresource: request.subresource,
    user: request.user,
    dryRun: request.dryRun,
    object: undefined,
    previous: current.object,
  });
  await deps.admission.mutate(attributes);
  await deps.admission.validate(attributes);
  const plan = planDelete(current.object, request, deps.clock.nowMs());
  const uid = current.object.metadata.uid ?? '';
  const done = (gone: boolean, json: Buffer): DeleteOutcome => ({
    step: 'done',
    deleted: { gone, json, uid },
  });
  if (plan.step === 'nothing') return done(false, current.json);
  if (request.dryRun) return done(plan.step === 'remove', toWireJson(plan.object, current.version));
  const key = keyOf(strategy.resource, namespace, name);
  if (plan.step === 'remove') {
    const marked = await markFirst(deps, key, current, toStored(strategy, plan.object));
    if (marked === undefined) return { step: 'again' };
    const releases = deps.reservers.get(strategy.resource)?.releasesOf(current.object) ?? [];
    const [removed] = await deps.storage.delete([{ key, expected: marked }, ...releases]);
    const deleted = { gone: true, json: toWireJson(plan.object, current.version), uid };
    const isRemoved = removed !== undefined && !('conflict' in removed);
    if (isRemoved) return { step: 'done', deleted };
    return marked === current.version ? { step: 'again' } : { step: 'again', begun: deleted };
  }
  try {
    const object = toStored(strategy, plan.object);
    const put = { type: 'put', key, object, expected: current.version } as const;
    const [marked] = await deps.storage.commit([put]);
    return done(false, markedJson(strategy, marked) ?? current.json);
  } catch (error) {
    // Another write came first: judge again by its outcome.
    if (!isStorageConflict(error)) throw error;
    return { step: 'again' };
  }
}

/**
 * A graceful kind is seen ending before it is gone, even when its grace is none. Gives the version to remove, or
 * undefined when another write came first.
 */
async function markFirst(
  deps: DeleteDependencies,
  key: string,
  current: CurrentObject,
  marked: AnyObject,
): Promise<number | undefined> {
  const isNew = current.object.metadata.deletionTimestamp === undefined;
  if (!isNew || marked.metadata.deletionTimestamp === undefined) return current.version;
  try {
    const [stored] = await deps.storage.commit([
      { type: 'put', key, object: marked, expected: current.version },
    ]);
    return stored?.version;
  } catch (error) {
    // Another write came first: judge again by its outcome.
    if (!isStorageConflict(error)) throw error;
    return undefined;
  }
}

function markedJson(strategy: KindStrategy, marked: StoredObject | undefined): Buffer | undefined {
  return marked === undefined ? undefined : viewJson(strategy, marked.json, marked.version);
}

function checkPreconditions(request: DeleteRequest, current: CurrentObject): void {
  const { uid, resourceVersion } = request.preconditions;
  const ownUid = current.object.metadata.uid ?? '';
  const { kind, group } = request.strategy.kind;
  const refuse = (why: string): never => {
    throw new StatusError({
      reason: 'Conflict',
      code: 409,
      message: `Operation cannot be fulfilled on ${group === '' ? kind : `${kind}.${group}`} "${request.name}": ${why}`,
      details: { name: request.name, ...(group === '' ? {} : { group }), kind },
    });
  };
  if (uid !== undefined && uid !== ownUid)
    refuse(
      `the UID in the precondition (${uid}) does not match the UID in record (${ownUid}). The object might have been deleted and then recreated`,
    );
  if (resourceVersion !== undefined && resourceVersion !== String(current.version))
    refuse(
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${current.version}). The object might have been modified`,
    );
}

type PlannedBy = Pick<DeleteRequest, 'strategy' | 'gracePeriodSeconds' | 'propagation'>;

/** Pure: what deleting `current` now means. */
export function planDelete(current: AnyObject, request: PlannedBy, nowMs: number): DeletePlan {
  if (request.strategy.kind.kind === 'Namespace') return planNamespaceDelete(current, request, nowMs);
  const graceful = markGraceful(current, request, nowMs);
  const finalizers = finalizersFor(graceful.object, request.propagation);
  const before = current.metadata.finalizers ?? [];
  if (finalizers.length > 0) {
    const object = withMetadata(graceful.object, {
      finalizers,
      deletionTimestamp: graceful.object.metadata.deletionTimestamp ?? toTime(nowMs),
      deletionGracePeriodSeconds: graceful.object.metadata.deletionGracePeriodSeconds ?? 0,
      ...countGeneration(graceful.object, current, current.metadata.deletionTimestamp === undefined),
    });
    const changed = graceful.changed || !sameNames(before, finalizers) || isNewlyDeleted(current);
    return changed ? { step: 'mark', object } : { step: 'nothing' };
  }
  if (graceful.pending) return { step: 'nothing' };
  const bare = before.length > 0 ? withMetadata(graceful.object, { finalizers: undefined }) : graceful.object;
  const waits = (graceful.object.metadata.deletionGracePeriodSeconds ?? 0) > 0;
  return { step: waits && graceful.changed ? 'mark' : 'remove', object: bare };
}

const isNewlyDeleted = (object: AnyObject): boolean => object.metadata.deletionTimestamp === undefined;

/** Marking counts as a change of the desired state, once. */
function countGeneration(
  marked: AnyObject,
  current: AnyObject,
  first: boolean,
): { readonly generation?: number } {
  const generation = current.metadata.generation ?? 0;
  if (!first || generation === 0 || marked.metadata.generation !== generation) return {};
  return { generation: generation + 1 };
}

interface Graceful {
  readonly object: AnyObject;
  readonly changed: boolean;
  /** The object is ending already and this request does not hurry it. */
  readonly pending: boolean;
}

function markGraceful(current: AnyObject, request: PlannedBy, nowMs: number): Graceful {
  const { metadata } = current;
  const asked = request.gracePeriodSeconds;
  const grace = request.strategy.gracePeriodSeconds(current, asked);
  const unchanged = { object: current, changed: false };
  if (grace === undefined) return { ...unchanged, pending: false };
  if (metadata.deletionTimestamp !== undefined) {
    const already = metadata.deletionGracePeriodSeconds ?? 0;
    if (already === 0) return { ...unchanged, pending: false };
    if (asked === undefined || grace >= already) return { ...unchanged, pending: true };
    const endMs = Date.parse(metadata.deletionTimestamp) - (already - grace) * 1000;
    return {
      object: withMetadata(current, {
        deletionTimestamp: toTime(endMs),
        deletionGracePeriodSeconds: grace,
      }),
      changed: true,
      pending: false,
    };
  }
  const generation = metadata.generation ?? 0;
  return {
    object: withMetadata(current, {
      deletionTimestamp: toTime(nowMs + grace * 1000),
      deletionGracePeriodSeconds: grace,
      ...(generation > 0 ? { generation: generation + 1 } : {}),
    }),
    changed: true,
    pending: false,
  };
}

/** The garbage collector's own finalizers follow the propagation policy; others stay. */
function finalizersFor(object: AnyObject, propagation: DeleteRequest['propagation']): readonly string[] {
  const before = object.metadata.finalizers ?? [];
  if (propagation === undefined) return before;
  const kept = before.filter((name) => name !== orphanFinalizer && name !== foregroundFinalizer);
  if (propagation === 'Orphan') return [...kept, orphanFinalizer];
  if (propagation === 'Foreground') return [...kept, foregroundFinalizer];
  return kept;
}

/** A Namespace first goes Terminating; what empties it takes its finalizers off. */
function planNamespaceDelete(current: AnyObject, request: PlannedBy, nowMs: number): DeletePlan {
  const status = typeof current['status'] === 'object' ? current['status'] : {};
  const finalizers = finalizersFor(current, request.propagation);
  if (current.metadata.deletionTimestamp === undefined) {
    const marked = withMetadata(current, { deletionTimestamp: toTime(nowMs), finalizers });
    if (finalizers.length === 0) delete marked.metadata.finalizers;
    return { step: 'mark', object: { ...marked, status: { ...status, phase: 'Terminating' } } };
  }
  if (namespaceFinalizers(current).length > 0 || finalizers.length > 0) return { step: 'nothing' };
  return { step: 'remove', object: current };
}

function withMetadata(object: AnyObject, changes: Readonly<Record<string, unknown>>): AnyObject {
  const metadata = { ...object.metadata, ...changes };
  if (metadata.finalizers === undefined) delete metadata.finalizers;
  return { ...object, metadata };
}

const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name, at) => name === b[at]);
