import type { Pod } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { alreadyExists, StatusError } from '../../api/status-error.ts';
import { type AdmissionAttributes, toAttributes } from '../admission/admission.ts';
import type { WriteContext } from '../registry/strategy.ts';
import { keyOf } from '../storage/keys.ts';
import type { StoredObject } from '../storage/storage.ts';
import type { ObjectRequest, Written } from './request.ts';
import { isStorageConflict } from './storage-failure.ts';
import type { StoreDependencies } from './store-dependencies.ts';
import { toStored, viewJson } from './stored-view.ts';
import { fillSystemMetadata, generateName } from './system-metadata.ts';
import { toWireJson } from './wire-json.ts';

const generatedNameAttempts = 8;
const reservationAttempts = 16;

export interface CreateRequest extends ObjectRequest {
  /** Taken over and changed. */
  readonly object: AnyObject;
  readonly fieldManager: string;
  /** Whether the object carries its field owners already (server-side apply). */
  readonly fieldsTracked?: boolean | undefined;
}

/** Create: metadata, defaults, admission, strategy, validation, then one transaction. */
export async function createObject(deps: StoreDependencies, request: CreateRequest): Promise<Written> {
  const { strategy, object } = request;
  const nowMs = deps.clock.nowMs();
  fillSystemMetadata(object, request, { nowMs, random: deps.random });
  strategy.setDefaults(object);
  const attributes = toAttributes({
    operation: 'CREATE',
    strategy,
    namespace: request.namespace,
    name: object.metadata.name ?? '',
    subresource: request.subresource,
    user: request.user,
    dryRun: request.dryRun,
    object,
    previous: undefined,
  });
  // What admission adds belongs to nobody.
  if (request.fieldsTracked !== true) trackFields(deps, request, nowMs);
  await deps.admission.mutate(attributes);
  const context: WriteContext = {
    user: request.user,
    namespace: request.namespace,
    subresource: request.subresource,
    nowMs,
  };
  const prefix = object.metadata.generateName ?? '';
  const generated = (object.metadata.name ?? '') === '' && prefix !== '';
  // A kind may put its name elsewhere too.
  if (generated) object.metadata.name = generateName(prefix, deps.random);
  strategy.prepareForCreate(object, context);
  const errors = strategy.validateCreate(object, context);
  if (errors.length > 0) throw deps.semantics.invalid(strategy, object.metadata.name ?? '', errors);
  await deps.admission.validate(attributes);
  const foreseen = request.dryRun ? await foresee(deps, request) : [];
  const committer = attributes.committer ?? deps.storage;
  const stored = await insert({ ...deps, committer }, request, generated ? prefix : undefined);
  const warnings = [...strategy.warnings(object, undefined), ...attributes.warnings, ...foreseen];
  return { ...stored, created: true, warnings };
}

/** Gives a pod of a dry run the node that it would get. @returns warnings */
async function foresee(
  { foreseePod }: StoreDependencies,
  { strategy, object }: CreateRequest,
): Promise<readonly string[]> {
  if (foreseePod === undefined || strategy.resource !== '/pods') return [];
  const pod = object as AnyObject & Pod;
  if ((pod.spec.nodeName ?? '') !== '') return [];
  const { nodeName, warning } = await foreseePod(object);
  if (nodeName !== undefined) pod.spec = { ...pod.spec, nodeName };
  return warning === undefined ? [] : [warning];
}

function trackFields(deps: StoreDependencies, request: CreateRequest, nowMs: number): void {
  const { strategy, object, fieldManager, subresource } = request;
  deps.semantics.trackFields(strategy, object, undefined, { fieldManager, subresource, nowMs });
}

type Inserted = Pick<StoredObject, 'json' | 'version'>;
type InsertDependencies = StoreDependencies & {
  readonly committer: NonNullable<AdmissionAttributes['committer']>;
};

async function insert(
  deps: InsertDependencies,
  request: CreateRequest,
  prefix: string | undefined,
): Promise<Inserted> {
  const { strategy, object, namespace } = request;
  for (let nameAttempt = 1; ; nameAttempt += 1) {
    const name = object.metadata.name ?? '';
    const stored = await insertNamed(deps, request, keyOf(strategy.resource, namespace, name));
    if (stored !== undefined) return stored;
    if (prefix === undefined) throw alreadyExists(strategy.kind, name);
    if (nameAttempt === generatedNameAttempts) throw noNameFound(request, name);
    object.metadata.name = generateName(prefix, deps.random);
  }
}

function noNameFound(request: CreateRequest, name: string): StatusError {
  const { group, plural } = request.strategy.kind;
  return new StatusError({
    reason: 'AlreadyExists',
    code: 409,
    message: `${group === '' ? plural : `${plural}.${group}`} "${name}" already exists, the server was not able to generate a unique name for the object`,
    details: { name, ...(group === '' ? {} : { group }), kind: plural, retryAfterSeconds: 1 },
  });
}

/** Undefined when the name is taken. */
async function insertNamed(
  deps: InsertDependencies,
  request: CreateRequest,
  key: string,
): Promise<Inserted | undefined> {
  const { strategy, object } = request;
  const reserver = deps.reservers.get(strategy.resource);
  for (let attempt = 0; ; attempt += 1) {
    const reservation = await reserver?.plan(object, undefined, attempt);
    if (request.dryRun) {
      if ((await deps.storage.get(key)) !== undefined) return undefined;
      return { json: toWireJson(object, undefined), version: 0 };
    }
    try {
      const put = { type: 'put', key, object: toStored(strategy, object), expected: 0 } as const;
      const writes = [put, ...(reservation?.writes ?? [])];
      const [stored] = await deps.committer.commit(writes);
      if (stored === undefined) throw new TypeError(`create ${key}: the store gave nothing back`);
      return { json: viewJson(strategy, stored.json, stored.version), version: stored.version };
    } catch (error) {
      // A conflict is either the name's or that of something reserved beside it.
      if (!isStorageConflict(error)) throw error;
      const conflict = error.conflict;
      if (conflict === undefined || conflict.key === key || attempt === reservationAttempts) return undefined;
      reserver?.lost(conflict);
    }
  }
}
