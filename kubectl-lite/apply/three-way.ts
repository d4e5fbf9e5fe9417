/**
 * The patch of a client-side apply: what the user changed since the last apply (`original` to `modified`), written
 * against what the server has now (`current`), so that others' fields stay.
 *
 * Deletions come from original and modified, additions and changes from current and modified. Lists with a merge key
 * are merged by element, with `$patch: delete` and `$setElementOrder`; maps whose strategy is retainKeys name the keys
 * that stay.
 * @see https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/
 */
import { isDeepStrictEqual } from 'node:util';
import { type FieldFacts, fieldFacts, schemaOf } from './merge-facts.ts';

type Schema = FieldFacts['schema'];
type Fields = Readonly<Record<string, unknown>>;

/** @param definition of the kind's schema; empty for kinds without one, whose lists are written whole */
export function planStrategicPatch(
  original: Fields,
  modified: Fields,
  current: Fields,
  definition: string,
): Record<string, unknown> {
  return diffMaps({ original, modified, current }, schemaOf(definition));
}

/** As `planStrategicPatch`, for kinds that know no strategic merge: a JSON merge patch. */
export function planMergePatch(original: Fields, modified: Fields, current: Fields): Record<string, unknown> {
  return diffMaps({ original, modified, current }, undefined);
}

interface Sides<T> {
  readonly original: T;
  readonly modified: T;
  readonly current: T;
}

function diffMaps(sides: Sides<Fields>, schema: Schema): Record<string, unknown> {
  const { original, modified, current } = sides;
  const patch: Record<string, unknown> = {};
  // What nobody has any more needs no deletion.
  for (const field of Object.keys(original))
    if (isAbsent(own(modified, field)) && !isAbsent(own(current, field))) patch[field] = null;
  for (const [field, wanted] of Object.entries(modified)) {
    if (isAbsent(wanted)) {
      if (!isAbsent(own(current, field))) patch[field] = null;
      continue;
    }
    const facts = fieldFacts(schema, field);
    const at = { original: own(original, field), modified: wanted, current: own(current, field) };
    diffField(patch, field, at, facts);
  }
  return patch;
}

/** A field may be called like something that every object has: `hasOwnProperty`, `toString`. */
function own(fields: Fields, field: string): unknown {
  return Object.hasOwn(fields, field) ? fields[field] : undefined;
}

function diffField(
  patch: Record<string, unknown>,
  field: string,
  at: Sides<unknown>,
  facts: FieldFacts,
): void {
  const { modified, current } = at;
  if (isMap(modified) && isMap(current) && !facts.replaces) {
    const sides = { original: isMap(at.original) ? at.original : {}, modified, current };
    const inner = diffMaps(sides, facts.schema);
    if (Object.keys(inner).length === 0) return;
    patch[field] = facts.retainsKeys ? { ...inner, $retainKeys: Object.keys(modified).sort() } : inner;
  } else if (Array.isArray(modified) && Array.isArray(current) && facts.mergeKey !== undefined) {
    const original = Array.isArray(at.original) ? at.original : [];
    if (facts.mergeKey === '') diffPlainList(patch, field, { original, modified, current });
    else diffKeyedList(patch, field, { original, modified, current }, facts, facts.mergeKey);
  } else if (!isDeepStrictEqual(modified, current)) patch[field] = modified;
}

/** A list that is merged as a set, such as finalizers. */
function diffPlainList(
  patch: Record<string, unknown>,
  field: string,
  sides: Sides<readonly unknown[]>,
): void {
  const { original, modified, current } = sides;
  const added = modified.filter((value) => !current.includes(value));
  const removed = original.filter((value) => !modified.includes(value) && current.includes(value));
  if (added.length > 0) patch[field] = added;
  if (removed.length > 0) patch[`$deleteFromPrimitiveList/${field}`] = removed;
  if (added.length + removed.length > 0) patch[`$setElementOrder/${field}`] = modified;
}

function diffKeyedList(
  patch: Record<string, unknown>,
  field: string,
  sides: Sides<readonly unknown[]>,
  facts: FieldFacts,
  mergeKey: string,
): void {
  const keyed = (list: readonly unknown[]): Map<unknown, Fields> =>
    new Map(list.filter(isMap).map((element) => [element[mergeKey], element]));
  const [original, modified, current] = [keyed(sides.original), keyed(sides.modified), keyed(sides.current)];
  const elements: Record<string, unknown>[] = [];
  for (const [key, wanted] of modified) {
    const present = current.get(key);
    if (present === undefined) {
      elements.push({ ...wanted });
      continue;
    }
    const inner = diffMaps(
      { original: original.get(key) ?? {}, modified: wanted, current: present },
      facts.schema,
    );
    if (Object.keys(inner).length === 0) continue;
    const retained = facts.retainsKeys ? { $retainKeys: Object.keys(wanted).sort() } : {};
    elements.push({ ...inner, ...retained, [mergeKey]: key });
  }
  for (const key of original.keys())
    if (!modified.has(key) && current.has(key)) elements.push({ $patch: 'delete', [mergeKey]: key });
  const isReordered = !isSameOrder([...modified.keys()], [...current.keys()]);
  if (elements.length === 0 && !isReordered) return;
  if (elements.length > 0) patch[field] = elements;
  patch[`$setElementOrder/${field}`] = [...modified.keys()].map((key) => ({ [mergeKey]: key }));
}

/** Whether what both have stands in the same order; what only the server has may stand anywhere. */
function isSameOrder(wanted: readonly unknown[], present: readonly unknown[]): boolean {
  const shared = present.filter((key) => wanted.includes(key));
  return wanted.filter((key) => shared.includes(key)).every((key, i) => shared[i] === key);
}

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isAbsent(value: unknown): boolean {
  return value === null || value === undefined;
}
