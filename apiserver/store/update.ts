import { isDeepStrictEqual } from 'node:util';
import type { AnyObject } from '../../api/kind-info.ts';
import { badRequest, conflict, isAlreadyExists, notFound, type StatusError } from '../../api/status-error.ts';
import { type AdmissionAttributes, toAttributes } from '../admission/admission.ts';
import type { WriteContext } from '../registry/strategy.ts';
import { keyOf } from '../storage/keys.ts';
import { createObject } from './create.ts';
import { isReleasedByUpdate } from './deletion-state.ts';
import type { CurrentObject, ObjectRequest, Written } from './request.ts';
import { serverError } from './server-error.ts';
import { isStorageConflict } from './storage-failure.ts';
import type { StoreDependencies } from './store-dependencies.ts';
import { toStored, viewJson } from './stored-view.ts';
import { keepSystemMetadata, placeInNamespace } from './system-metadata.ts';
import { toWireJson } from './wire-json.ts';

const modified =
  'the object has been modified; please apply your changes to the latest version and try again';

export interface MutateRequest extends ObjectRequest {
  readonly fieldManager: string;
  /** How often a lost race is tried again from the new state. */
  readonly attempts: number;
  /** The object as it shall be. Called again with a newer `current` after a lost race; may throw a StatusError. */
  next(current: AnyObject): AnyObject | Promise<AnyObject>;
  /** For kinds and patches that may create: the new object when there is none. */
  readonly whenAbsent?: (() => AnyObject | Promise<AnyObject>) | undefined;
  /** Whether `next` has recorded its fields itself (server-side apply). */
  readonly fieldsTracked?: boolean | undefined;
  /** A change by the server itself (a binding): neither defaulted, admitted, prepared nor validated. */
  readonly internal?: boolean | undefined;
}

/** Subresources that are one part of the object and nothing else. */
const metadataStays: ReadonlySet<string> = new Set(['ephemeralcontainers', 'resize']);

/** Raised inside when the state under the write was not the newest, never seen outside. */
const stale: unique symbol = Symbol('stale');

/** Update, patch and every other change of one object: read, change, check, write on condition. */
export async function mutateObject(deps: StoreDependencies, request: MutateRequest): Promise<Written> {
  const { strategy, namespace, name } = request;
  let current = deps.source.cached(strategy, namespace, name);
  current ??= await deps.source.stored(strategy, namespace, name);
  for (let attempt = 0; ; ) {
    const written =
      current === undefined
        ? await createInstead(deps, request)
        : await attemptUpdate(deps, request, current);
    if (written !== stale) return written;
    if (current?.cached !== true) attempt += 1;
    if (attempt > request.attempts) throw conflict(strategy.kind, name, modified);
    current = await deps.source.stored(strategy, namespace, name);
  }
}

async function createInstead(
  deps: StoreDependencies,
  request: MutateRequest,
): Promise<Written | typeof stale> {
  const object = await request.whenAbsent?.();
  if (object === undefined) throw notFound(request.strategy.kind, request.name);
  try {
    return await createObject(deps, { ...request, object });
  } catch (error) {
    // Somebody else made it first: then it is there to be changed.
    if (isAlreadyExists(error)) return stale;
    throw error;
  }
}

/** What was read from the cache may be old: an objection raised from it counts only if the store says the same. */
async function attemptUpdate(
  deps: StoreDependencies,
  request: MutateRequest,
  current: CurrentObject,
): Promise<Written | typeof stale> {
  try {
    return await updateOnce(deps, request, current);
  } catch (error) {
    if (!current.cached) throw error;
    const newest = await deps.source.stored(request.strategy, request.namespace, request.name);
    if (newest?.version === current.version) throw error;
    return stale;
  }
}

async function updateOnce(
  deps: StoreDependencies,
  request: MutateRequest,
  current: CurrentObject,
): Promise<Written | typeof stale> {
  const next = await request.next(current.object);
  if (request.internal === true) {
    const stored = await replace(deps, request, next, current);
    return stored === stale ? stale : { ...stored, created: false, warnings: [] };
  }
  checkIdentity(request, next, current);
  if (metadataStays.has(request.subresource)) next.metadata = { ...current.object.metadata };
  keepSystemMetadata(next, current.object);
  return replaceChecked(deps, request, next, current);
}

async function replaceChecked(
  deps: StoreDependencies,
  request: MutateRequest,
  next: AnyObject,
  current: CurrentObject,
): Promise<Written | typeof stale> {
  const { strategy, namespace, name, user, subresource } = request;
  const nowMs = deps.clock.nowMs();
  const context: WriteContext = { user, namespace, subresource, nowMs };
  strategy.setDefaults(next);
  const attributes = toAttributes({
    operation: 'UPDATE',
    strategy,
    namespace,
    name,
    subresource,
    user,
    dryRun: request.dryRun,
    object: next,
    previous: current.object,
  });
  await deps.admission.mutate(attributes);
  strategy.prepareForUpdate(next, current.object, context);
  if (request.fieldsTracked !== true)
    deps.semantics.trackFields(strategy, next, current.object, {
      fieldManager: request.fieldManager,
      subresource,
      nowMs,
    });
  const errors = strategy.validateUpdate(next, current.object, context);
  if (errors.length > 0) throw deps.semantics.invalid(strategy, name, errors);
  await deps.admission.validate(attributes);
  const stored = await replace(deps, request, next, current, attributes.committer);
  if (stored === stale) return stale;
  const warnings = [...strategy.warnings(next, current.object), ...attributes.warnings];
  return { ...stored, created: false, warnings };
}

/** @throws StatusError when `next` says it is another object, or another version of it, than the one in the store. */
function checkIdentity(request: MutateRequest, next: AnyObject, current: CurrentObject): void {
  const { strategy, namespace, name } = request;
  const { metadata } = next;
  if ((metadata.name ?? '') === '') metadata.name = name;
  if (metadata.name !== name)
    throw badRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
    );
  placeInNamespace(next, namespace);
  const given = metadata.resourceVersion ?? '';
  if (given !== '' && given !== '0') {
    if (!/^\d+$/.test(given))
      throw serverError(`strconv.ParseUint: parsing ${JSON.stringify(given)}: invalid syntax`);
    if (Number(given) !== current.version) throw conflict(strategy.kind, name, modified);
  } else if (given === '' && !strategy.allowUnconditionalUpdate) throw unconditional(request);
}

function unconditional(request: MutateRequest): StatusError {
  return request.next.length === 0 || request.strategy.allowUnconditionalUpdate
    ? badRequest('metadata.resourceVersion: must be specified for an update')
    : badRequest('metadata.resourceVersion: Invalid value: 0x0: must be specified for an update');
}

/** A write that changes nothing still counts where it brings the value under the present encryption key. */
async function isStale({ storage }: StoreDependencies, key: string): Promise<boolean> {
  return storage.isEncrypted(key) && (await storage.get(key))?.stale === true;
}

type Replaced = Pick<Written, 'json' | 'version'>;

async function replace(
  deps: StoreDependencies,
  request: MutateRequest,
  next: AnyObject,
  current: CurrentObject,
  committer: NonNullable<AdmissionAttributes['committer']> = deps.storage,
): Promise<Replaced | typeof stale> {
  const { strategy, namespace, name } = request;
  const key = keyOf(strategy.resource, namespace, name);
  const reserver = deps.reservers.get(strategy.resource);
  if (isReleasedByUpdate(strategy, next, current.object)) {
    const json = toWireJson(next, current.version);
    if (request.dryRun) return { json, version: current.version };
    const [deleted] = await deps.storage.delete([{ key, expected: current.version }]);
    if (deleted === undefined || 'conflict' in deleted) return stale;
    await deps.storage.delete(reserver?.releasesOf(current.object) ?? []);
    return { json, version: current.version };
  }
  const reservation = await reserver?.plan(next, current.object, 0);
  next.metadata.resourceVersion = String(current.version);
  if (isDeepStrictEqual(next, current.object) && !(await isStale(deps, key)))
    return { json: current.json, version: current.version };
  if (request.dryRun) return { json: toWireJson(next, current.version), version: current.version };
  try {
    const object = toStored(strategy, next);
    const put = { type: 'put', key, object, expected: current.version } as const;
    const [stored] = await committer.commit([put, ...(reservation?.writes ?? [])]);
    if (stored === undefined) throw new TypeError(`update ${key}: the store gave nothing back`);
    if (reservation !== undefined && reservation.releases.length > 0)
      await deps.storage.delete(reservation.releases);
    return { json: viewJson(strategy, stored.json, stored.version), version: stored.version };
  } catch (error) {
    // Another write came first: start over from its outcome.
    if (!isStorageConflict(error)) throw error;
    if (error.conflict !== undefined && error.conflict.key !== key) reserver?.lost(error.conflict);
    return stale;
  }
}
