import type { ManagedFieldsEntry } from '../../../api/generated/meta-v1.ts';
import { type AnyObject, toApiVersion } from '../../../api/kind-info.ts';
import { type StatusCause, StatusError } from '../../../api/status-error.ts';
import { toTime } from '../../../base/clock.ts';
import { emptyStruct, type StructType } from '../../decode/schema.ts';
import type { KindStrategy } from '../../registry/strategy.ts';
import { capUpdaters } from './cap-updaters.ts';
import { FieldSet, showPath } from './field-set.ts';
import { FieldShapes, signatureOf } from './field-shapes.ts';
import { type Comparison, compareValues } from './typed-value.ts';

/** Who owns which fields. */
export interface Manager {
  readonly name: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string | undefined;
  readonly fields: FieldSet;
  /** `fields` as they were read; absent once they have changed. */
  readonly fieldsV1?: ManagedFieldsEntry['fieldsV1'];
}

/** By identity: appliers are the same whatever version they use. */
export type Managers = ReadonlyMap<string, Manager>;

export interface FieldWriter {
  readonly fieldManager: string;
  readonly subresource: string;
  readonly nowMs: number;
}

export function identityOf(
  manager: Pick<Manager, 'name' | 'operation' | 'apiVersion' | 'subresource'>,
): string {
  const version = manager.operation === 'Apply' ? '' : manager.apiVersion;
  return JSON.stringify([manager.name, manager.operation, version, manager.subresource]);
}

/** Undefined when the entries cannot be read: then they count as not given. */
export function readManagers(entries: readonly ManagedFieldsEntry[] | undefined): Managers | undefined {
  const managers = new Map<string, Manager>();
  for (const entry of entries ?? []) {
    const { manager = '', operation, apiVersion = '', subresource = '', time } = entry;
    if (operation !== 'Apply' && operation !== 'Update') return undefined;
    if (apiVersion === '' || (entry.fieldsType ?? 'FieldsV1') !== 'FieldsV1') return undefined;
    const fields = FieldSet.fromFieldsV1(entry.fieldsV1);
    const { fieldsV1 } = entry;
    const read = { name: manager, operation, apiVersion, subresource, time, fields, fieldsV1 } as const;
    managers.set(identityOf(read), read);
  }
  return managers;
}

/** Appliers first, then by time and name. */
export function writeManagers(managers: Managers): ManagedFieldsEntry[] {
  return [...managers.values()]
    .filter(({ fields }) => !fields.isEmpty)
    .sort(compareManagers)
    .map(({ name, operation, apiVersion, subresource, time, fields, fieldsV1 }) => ({
      manager: name,
      operation,
      apiVersion,
      ...(time === undefined ? {} : { time }),
      fieldsType: 'FieldsV1',
      fieldsV1: fieldsV1 ?? fields.toFieldsV1(),
      ...(subresource === '' ? {} : { subresource }),
    }));
}

function compareManagers(left: Manager, right: Manager): number {
  const key = ({ operation, time = '', name }: Manager): string => `${operation} ${time} ${name}`;
  return key(left) < key(right) ? -1 : 1;
}

/** Fields that belong to the server: nobody owns them. */
const serverFields = [
  ['f:apiVersion'],
  ['f:kind'],
  ...[
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'generation',
    'managedFields',
    'resourceVersion',
  ].map((name) => ['f:metadata', `f:${name}`]),
];

const unownableBySchema = new WeakMap<StructType, Map<string, FieldSet>>();

/** What this write cannot change, beside what belongs to the server. */
export function unownable(strategy: KindStrategy, subresource: string): FieldSet {
  const ofKind = unownableBySchema.get(strategy.schema) ?? new Map<string, FieldSet>();
  unownableBySchema.set(strategy.schema, ofKind);
  const known = ofKind.get(subresource) ?? findUnownable(strategy, subresource);
  ofKind.set(subresource, known);
  return known;
}

function findUnownable(strategy: KindStrategy, subresource: string): FieldSet {
  const set = new FieldSet();
  for (const path of serverFields) set.insert(path);
  const hasStatus = strategy.kind.subresources.some(({ name }) => name === 'status');
  if (subresource === 'status') {
    for (const name of strategy.schema.fields.keys())
      if (!['apiVersion', 'kind', 'metadata', 'status'].includes(name)) set.insert([`f:${name}`]);
    if (strategy.kind.kind === 'Deployment') set.insert(['f:metadata', 'f:labels']);
    if (strategy.kind.kind === 'Pod') {
      set.insert(['f:metadata', 'f:deletionTimestamp']);
      set.insert(['f:metadata', 'f:ownerReferences']);
    }
  } else if (hasStatus && subresource === '' && strategy.kind.kind !== 'Node') set.insert(['f:status']);
  return set;
}

const metadataNode = new FieldSet();
metadataNode.insert(['f:metadata']);

function withoutServerNode(fields: FieldSet, excluded: FieldSet): FieldSet {
  return fields.recursiveDifference(excluded).difference(metadataNode);
}

/** Differences that this write can make at all. */
export function ownDifferences(strategy: KindStrategy, subresource: string, all: Comparison): Comparison {
  const excluded = unownable(strategy, subresource);
  return {
    added: all.added.recursiveDifference(excluded),
    modified: all.modified.recursiveDifference(excluded),
    removed: all.removed.recursiveDifference(excluded),
  };
}

export interface Conflict {
  readonly manager: Manager;
  readonly path: readonly string[];
}

/** Takes changed and removed fields away from everybody but the writer. */
export function dispossess(
  managers: Managers,
  writer: string,
  comparison: Comparison,
): { readonly managers: Map<string, Manager>; readonly conflicts: Conflict[] } {
  const changed = comparison.modified.union(comparison.added);
  const kept = new Map<string, Manager>();
  const conflicts: Conflict[] = [];
  for (const [identity, manager] of managers) {
    if (identity === writer) {
      kept.set(identity, manager);
      continue;
    }
    const taken = manager.fields.intersection(changed);
    for (const path of taken.paths()) conflicts.push({ manager, path });
    const fields = manager.fields.difference(taken).difference(comparison.removed);
    if (fields === manager.fields) kept.set(identity, manager);
    else if (!fields.isEmpty) kept.set(identity, { ...manager, fields, fieldsV1: undefined });
  }
  return { managers: kept, conflicts };
}

const isReset = (entries: readonly ManagedFieldsEntry[] | undefined): boolean =>
  entries !== undefined && entries.length === 1 && Object.keys(entries[0] ?? {}).length === 0;

/**
 * Records in `next.metadata.managedFields` what an ordinary write sets. Mutates `next`. An object whose fields were
 * never tracked is not tracked from then on either, until it is applied for the first time.
 */
export function updateManagedFields(
  strategy: KindStrategy,
  next: AnyObject,
  current: AnyObject | undefined,
  writer: FieldWriter,
): void {
  const given = next.metadata.managedFields;
  delete next.metadata.managedFields;
  if (isReset(given)) return;
  if (current === undefined && given === undefined) {
    const fieldsV1 = fieldsOfNew(strategy, next, writer);
    if (fieldsV1 !== undefined) next.metadata.managedFields = [entryOfNew(strategy, writer, fieldsV1)];
    return;
  }
  const read = readManagers(given);
  const base = read !== undefined && read.size > 0 ? read : readManagers(current?.metadata.managedFields);
  if (current !== undefined && (base === undefined || base.size === 0)) return;
  const managers = ownershipAfter({ strategy, next, current, managers: base ?? new Map() }, writer);
  const entries = writeManagers(capUpdaters(managers));
  if (entries.length > 0) next.metadata.managedFields = entries;
}

const shapes = new WeakMap<StructType, FieldShapes<FieldsV1 | undefined>>();

type FieldsV1 = NonNullable<ManagedFieldsEntry['fieldsV1']>;

/** What the creator of `next` owns; undefined for nothing. Shared by all objects of this shape: never changed. */
function fieldsOfNew(strategy: KindStrategy, next: AnyObject, writer: FieldWriter): FieldsV1 | undefined {
  const { schema } = strategy;
  const known = shapes.get(schema) ?? new FieldShapes<FieldsV1 | undefined>();
  shapes.set(schema, known);
  const signature = signatureOf(schema, emptyOf(schema), next);
  const id = signature === undefined ? undefined : `${writer.subresource} ${signature}`;
  if (id !== undefined && known.has(id)) return known.get(id);
  const write = { strategy, next, current: undefined, managers: new Map<string, Manager>() };
  const [entry] = writeManagers(ownershipAfter(write, writer));
  const fieldsV1 = entry?.fieldsV1;
  if (id !== undefined) known.set(id, fieldsV1);
  return fieldsV1;
}

function entryOfNew(strategy: KindStrategy, writer: FieldWriter, fieldsV1: FieldsV1): ManagedFieldsEntry {
  const { fieldManager: manager, subresource, nowMs } = writer;
  const apiVersion = toApiVersion(strategy.kind);
  const time = toTime(nowMs);
  const entry = { manager, operation: 'Update', apiVersion, time, fieldsType: 'FieldsV1', fieldsV1 } as const;
  return subresource === '' ? entry : { ...entry, subresource };
}

interface Write {
  readonly strategy: KindStrategy;
  readonly next: AnyObject;
  readonly current: AnyObject | undefined;
  readonly managers: Managers;
}

const emptyObjects = new WeakMap<StructType, object>();

/** Never changed. */
function emptyOf(schema: StructType): object {
  const known = emptyObjects.get(schema) ?? emptyStruct(schema);
  emptyObjects.set(schema, known);
  return known;
}

export function ownershipAfter(write: Write, writer: FieldWriter): Map<string, Manager> {
  const { strategy, next, current } = write;
  const differences = compareValues(strategy.schema, current ?? emptyOf(strategy.schema), next);
  const comparison = ownDifferences(strategy, writer.subresource, differences);
  const self = {
    name: writer.fieldManager,
    operation: 'Update',
    apiVersion: toApiVersion(strategy.kind),
    subresource: writer.subresource,
  } as const;
  const identity = identityOf(self);
  const { managers } = dispossess(write.managers, identity, comparison);
  const before = managers.get(identity);
  const owned = (before?.fields ?? new FieldSet())
    .difference(comparison.removed)
    .union(comparison.modified)
    .union(comparison.added);
  const fields = withoutServerNode(owned, unownable(strategy, writer.subresource));
  if (fields.isEmpty) managers.delete(identity);
  else if (before === undefined || !before.fields.equals(fields))
    managers.set(identity, { ...self, time: toTime(writer.nowMs), fields });
  return managers;
}

/** What an applier may own of what it said. */
export function ownable(strategy: KindStrategy, subresource: string, fields: FieldSet): FieldSet {
  return withoutServerNode(fields, unownable(strategy, subresource));
}

function showManager({ name, operation, apiVersion, subresource }: Manager): string {
  const place = subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`;
  return operation === 'Apply'
    ? `${JSON.stringify(name)}${place}`
    : `${JSON.stringify(name)}${place} using ${apiVersion}`;
}

/** 409 that names each field and its owner. */
export function applyConflict(conflicts: readonly Conflict[]): StatusError {
  const causes = conflicts.map(
    ({ manager, path }): StatusCause => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${showManager(manager)}`,
      field: showPath(path),
    }),
  );
  return new StatusError({
    reason: 'Conflict',
    code: 409,
    message: conflictMessage(conflicts),
    details: { causes },
  });
}

function conflictMessage(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (conflicts.length === 1 && first !== undefined)
    return `Apply failed with 1 conflict: conflict with ${showManager(first.manager)}: ${showPath(first.path)}`;
  const byManager = new Map<string, string[]>();
  for (const { manager, path } of conflicts) {
    const lines = byManager.get(showManager(manager)) ?? [];
    byManager.set(showManager(manager), [...lines, `- ${showPath(path)}`]);
  }
  const parts = [...byManager]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([manager, lines]) => `conflicts with ${manager}:\n${lines.join('\n')}`);
  return `Apply failed with ${conflicts.length} conflicts: ${parts.join('\n')}`;
}
