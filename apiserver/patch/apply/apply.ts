import type { ManagedFieldsEntry } from '../../../api/generated/meta-v1.ts';
import { type AnyObject, toApiVersion } from '../../../api/kind-info.ts';
import { badRequest, StatusError } from '../../../api/status-error.ts';
import { toTime } from '../../../base/clock.ts';
import { cloneJson } from '../../decode/clone-json.ts';
import { cannotDecode, type FieldValidation, isMismatch } from '../../decode/decode.ts';
import { emptyStruct } from '../../decode/schema.ts';
import { TypedReader } from '../../decode/walk.ts';
import { type ReadYaml, readYaml, repeatedKeys } from '../../decode/yaml-text.ts';
import type { KindStrategy } from '../../registry/strategy.ts';
import { findSchemaProblem } from './applied-shape.ts';
import { FieldSet } from './field-set.ts';
import {
  applyConflict,
  dispossess,
  type FieldWriter,
  identityOf,
  type Manager,
  type Managers,
  ownable,
  ownDifferences,
  ownershipAfter,
  readManagers,
  writeManagers,
} from './managed-fields.ts';
import { compareValues, isObject, mergeValues, removeParts, toFieldSet } from './typed-value.ts';

export const applyPatchType = 'application/apply-patch+yaml';

export interface ApplyRequest {
  readonly strategy: KindStrategy;
  /** Undefined when the object is to be created. */
  readonly current: AnyObject | undefined;
  /** Name on the URL. */
  readonly name: string;
  /** Not changed. */
  readonly applied: unknown;
  readonly writer: FieldWriter;
  /** Take over fields that others own. */
  readonly force: boolean;
}

/** Owner of everything that was there before an object was applied for the first time. */
const beforeFirstApply = 'before-first-apply';

/**
 * Server-side apply: the object as it shall be, with `managedFields` brought up to date. Defaults are yet to be set.
 * @throws StatusError 409 for conflicts, 400 and 500 in Kubernetes' words for what cannot be applied
 */
export function applyConfiguration(request: ApplyRequest): AnyObject {
  const { strategy, current, writer } = request;
  const config = readConfiguration(request);
  const live = current ?? emptyLive(strategy, request.name);
  const self = {
    name: writer.fieldManager,
    operation: 'Apply',
    apiVersion: toApiVersion(strategy.kind),
    subresource: writer.subresource,
  } as const;
  const identity = identityOf(self);
  const before = managersOf(strategy, current, writer);
  const last = before.get(identity);
  const claimed = ownable(strategy, writer.subresource, toFieldSet(strategy.schema, config));
  const applier: Manager = { ...self, time: timeOf(last, claimed, writer), fields: claimed };
  const managers: Managers = new Map([...before, [identity, applier]]);
  const merged = mergeValues(strategy.schema, live, config);
  const next = prune(strategy, merged, { last: last?.fields ?? new FieldSet(), managers });
  const differences = compareValues(strategy.schema, live, next);
  const owned = dispossess(managers, identity, ownDifferences(strategy, writer.subresource, differences));
  if (owned.conflicts.length > 0 && !request.force) throw applyConflict(owned.conflicts);
  return toObject(strategy, next, writeManagers(owned.managers));
}

function emptyLive(strategy: KindStrategy, name: string): AnyObject {
  const { kind } = strategy;
  return {
    ...emptyStruct(strategy.schema),
    apiVersion: toApiVersion(kind),
    kind: kind.kind,
    metadata: { name } as AnyObject['metadata'],
  };
}

function timeOf(last: Manager | undefined, claimed: FieldSet, writer: FieldWriter): string {
  const same = last?.fields.equals(claimed) === true;
  return same && last?.time !== undefined ? last.time : toTime(writer.nowMs);
}

function managersOf(strategy: KindStrategy, current: AnyObject | undefined, writer: FieldWriter): Managers {
  if (current === undefined) return new Map();
  const managers = readManagers(current.metadata.managedFields) ?? new Map();
  if (managers.size > 0) return managers;
  const bare = { ...writer, fieldManager: beforeFirstApply, subresource: '' };
  return ownershipAfter({ strategy, next: current, current: undefined, managers: new Map() }, bare);
}

/** Removes what the applier owned and no longer claims, unless somebody else owns it. */
function prune(
  strategy: KindStrategy,
  merged: unknown,
  owners: { readonly last: FieldSet; readonly managers: Managers },
): unknown {
  const owned = FieldSet.unionOf([...owners.managers.values()].map(({ fields }) => fields));
  const dropped = owners.last.withParents().difference(owned.withParents());
  return removeParts(strategy.schema, merged, dropped);
}

function toObject(strategy: KindStrategy, next: unknown, managedFields: ManagedFieldsEntry[]): AnyObject {
  const object = readTyped(strategy, cloneJson(next));
  const metadata = { ...(object['metadata'] ?? {}) } as AnyObject['metadata'];
  delete metadata.managedFields;
  if (managedFields.length > 0) metadata.managedFields = managedFields;
  const identity = { apiVersion: toApiVersion(strategy.kind), kind: strategy.kind.kind };
  return { ...object, ...identity, metadata };
}

/** What structured merge takes for text may be no time and no quantity. */
function readTyped({ kind, schema }: KindStrategy, next: unknown): Record<string, unknown> {
  try {
    return new TypedReader().object(schema, next);
  } catch (error) {
    if (!isMismatch(error)) throw error;
    throw cannotDecode(kind, kind.kind, error.message);
  }
}

function readConfiguration(request: ApplyRequest): Record<string, unknown> {
  const { kind, schema } = request.strategy;
  const config = request.applied;
  if (!isObject(config)) throw badRequest('error decoding YAML: the body is no object');
  const metadata = isObject(config['metadata']) ? config['metadata'] : {};
  checkKind(request, config);
  const name = metadata['name'];
  if (name !== undefined && name !== '' && name !== request.name)
    throw badRequest(
      `the name of the object (${textOf(name)}) does not match the name on the URL (${request.name})`,
    );
  if (Array.isArray(metadata['managedFields']) && metadata['managedFields'].length > 0)
    throw badRequest('metadata.managedFields must be nil');
  const problem = findSchemaProblem(schema, config);
  if (problem !== undefined) {
    const namespace = typeof metadata['namespace'] === 'string' ? metadata['namespace'] : '';
    const gvk = `${kind.group}/${kind.version}, Kind=${kind.kind}`;
    throw new StatusError({
      reason: '',
      code: 500,
      message: `failed to create typed patch object (${namespace}/${request.name}; ${gvk}): ${problem}`,
    });
  }
  const plain: Record<string, unknown> = { ...metadata, name: request.name };
  delete plain['managedFields'];
  // There is no version yet that a new object could be checked against.
  if (request.current === undefined) delete plain['resourceVersion'];
  return { ...config, metadata: plain };
}

/** What is applied, read once for all attempts. */
export interface Applied {
  readonly value: unknown;
  /** Of keys that stand twice. */
  readonly warnings: readonly string[];
}

/** @throws StatusError 400 for what is no YAML, and for keys that stand twice when fields are validated strictly */
export function readApplied(body: Buffer, fieldValidation: FieldValidation): Applied {
  const { value, repeated } = read(body);
  if (repeated.length > 0 && fieldValidation === 'Strict')
    throw badRequest(`error strict decoding YAML: error converting YAML to JSON: ${repeatedKeys(repeated)}`);
  return { value, warnings: fieldValidation === 'Warn' ? repeated : [] };
}

function read(body: Buffer): ReadYaml {
  try {
    return readYaml(body.toString('utf8'));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw badRequest(`error decoding YAML: ${error.message}`);
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function checkKind(request: ApplyRequest, config: Readonly<Record<string, unknown>>): void {
  const { kind } = request.strategy;
  const apiVersion = textOf(config['apiVersion'] ?? '');
  const written = textOf(config['kind'] ?? '');
  if (apiVersion === toApiVersion(kind) && written === kind.kind) return;
  const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  throw badRequest(`invalid object type: ${group}/${version}, Kind=${written}`);
}
