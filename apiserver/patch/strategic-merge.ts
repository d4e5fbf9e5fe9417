/**
 * Strategic merge patch: a merge patch that knows from the schema which lists are merged by key and which are replaced,
 * with directives for deletion (`$patch: delete`), replacement (`$patch: replace`), order (`$setElementOrder/x`), single
 * values of a list (`$deleteFromPrimitiveList/x`) and exclusive fields (`$retainKeys`).
 */
import type { SchemaField, SchemaType, StructType } from '../decode/schema.ts';

/** A patch that does not fit the type. */
export class StrategicMergeError extends Error {
  readonly code = 'STRATEGIC_MERGE_FAILED';
}

/** An item of a keyed list without its key; Kubernetes answers this one as a server error. */
export class MissingMergeKeyError extends Error {
  readonly code = 'MERGE_KEY_MISSING';
}

type Fields = Record<string, unknown>;

const orderPrefix = '$setElementOrder/';
const deletePrefix = '$deleteFromPrimitiveList/';

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Returns a new object; shares what it does not change. @throws StrategicMergeError */
export function applyStrategicMerge(type: StructType, original: Fields, patch: Fields): Fields {
  return mergeObject(type, original, patch);
}

function mergeObject(type: SchemaType | undefined, original: Fields, patch: Fields): Fields {
  const directive = patch['$patch'];
  if (directive === 'replace') return withoutDirectives(patch);
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge')
    throw new StrategicMergeError(`Unknown patch type found: ${JSON.stringify(directive)}`);
  const merged = retained(original, patch);
  for (const [key, value] of Object.entries(patch)) {
    if (key === '$patch' || key === '$retainKeys' || key.startsWith(orderPrefix)) continue;
    if (key.startsWith(deletePrefix)) deletePrimitives(merged, patch, key, value);
    else if (value === null) merged.delete(key);
    else mergeField(type, merged, { key, value, order: patch[`${orderPrefix}${key}`] });
  }
  for (const [key, order] of Object.entries(patch))
    if (key.startsWith(orderPrefix) && patch[key.slice(orderPrefix.length)] === undefined)
      reorder(type, merged, key.slice(orderPrefix.length), order);
  return Object.fromEntries(merged);
}

function retained(original: Fields, patch: Fields): Map<string, unknown> {
  const keys = patch['$retainKeys'];
  if (keys === undefined) return new Map(Object.entries(original));
  if (!Array.isArray(keys)) throw new StrategicMergeError('unable to parse retainKeys list');
  const kept = new Set<unknown>(keys);
  return new Map(Object.entries(original).filter(([key]) => kept.has(key)));
}

function fieldOf(type: SchemaType | undefined, key: string): SchemaField | undefined {
  return type?.kind === 'struct' ? type.fields.get(key) : undefined;
}

function typeOf(type: SchemaType | undefined, key: string): SchemaType | undefined {
  return type?.kind === 'map' ? type.values : fieldOf(type, key)?.type;
}

interface PatchedField {
  readonly key: string;
  readonly value: unknown;
  readonly order: unknown;
}

function mergeField(type: SchemaType | undefined, merged: Map<string, unknown>, patched: PatchedField): void {
  const { key, value, order } = patched;
  const field = fieldOf(type, key);
  const current = merged.get(key);
  const declared = typeOf(type, key);
  if (isObject(value)) {
    const replaces = field?.patchStrategies.includes('replace') === true;
    const base = isObject(current) && !replaces ? current : {};
    const result = mergeObject(declared, base, value);
    if (value['$patch'] === 'delete') merged.delete(key);
    else merged.set(key, result);
    return;
  }
  if (Array.isArray(value) && field?.patchStrategies.includes('merge') === true)
    merged.set(key, mergeList(field, Array.isArray(current) ? current : [], value, order));
  else merged.set(key, Array.isArray(value) ? value.filter((item) => !isDirective(item)) : value);
}

const isDirective = (item: unknown): boolean =>
  isObject(item) && item['$patch'] !== undefined && Object.keys(item).length === 1;

function withoutDirectives(patch: Fields): Fields {
  return Object.fromEntries(
    Object.entries(patch).filter(([key, value]) => !key.startsWith('$') && value !== null),
  );
}

function deletePrimitives(merged: Map<string, unknown>, patch: Fields, key: string, value: unknown): void {
  const name = key.slice(deletePrefix.length);
  if (!Array.isArray(value)) throw new StrategicMergeError(`invalid value for ${key}`);
  const current = merged.get(name);
  if (!Array.isArray(current) || patch[name] === null) return;
  const deleted = new Set<unknown>(value);
  merged.set(
    name,
    current.filter((item) => !deleted.has(item)),
  );
}

type KeyOf = (item: unknown) => unknown;

function keyReader(field: SchemaField): KeyOf {
  const mergeKey = field.patchMergeKey;
  if (mergeKey === '') return (item) => item;
  return (item) => {
    if (!isObject(item)) throw new StrategicMergeError(`expected a map with merge key ${mergeKey}`);
    const key = item[mergeKey];
    if (key === undefined)
      throw new MissingMergeKeyError(`map: ${showGo(item)} does not contain declared merge key: ${mergeKey}`);
    return key;
  };
}

/** A map as Go prints it: `map[a:b c:d]`. */
function showGo(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(showGo).join(' ')}]`;
  if (!isObject(value)) return value === null ? '<nil>' : String(value);
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return `map[${entries.map(([key, item]) => `${key}:${showGo(item)}`).join(' ')}]`;
}

function mergeList(
  field: SchemaField,
  original: readonly unknown[],
  patch: readonly unknown[],
  order: unknown,
): unknown[] {
  const items = patch.filter((item) => !isDirective(item));
  if (patch.some((item) => isDirective(item) && isObject(item) && item['$patch'] === 'replace')) return items;
  const keyOf = keyReader(field);
  const itemType = field.type.kind === 'list' ? field.type.items : undefined;
  const deleted = new Set(items.filter(isDeletion).map(keyOf));
  const kept = original.filter((item) => !deleted.has(keyOf(item)));
  const byKey = new Map(kept.map((item) => [keyOf(item), item]));
  const patched: unknown[] = [];
  for (const item of items) {
    if (isDeletion(item)) continue;
    const current = byKey.get(keyOf(item));
    if (!isObject(item)) patched.push(item);
    else patched.push(mergeObject(itemType, isObject(current) ? current : {}, item));
  }
  return arrange({ kept, original, patched, keyOf, order });
}

const isDeletion = (item: unknown): boolean => isObject(item) && item['$patch'] === 'delete';

function uniqueBy(items: readonly unknown[], keyOf: KeyOf): unknown[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}

/** Items of the patch in the order of the patch, and the rest between them where they stood among them before. */
function arrange(lists: {
  readonly kept: readonly unknown[];
  readonly original: readonly unknown[];
  readonly patched: readonly unknown[];
  readonly keyOf: KeyOf;
  readonly order: unknown;
}): unknown[] {
  const { kept, original, patched, keyOf, order } = lists;
  const byKey = new Map(patched.map((item) => [keyOf(item), item]));
  const wanted = Array.isArray(order) ? order.map(keyOf) : patched.map(keyOf);
  const named = new Set([...wanted, ...byKey.keys()]);
  const current = new Map([...kept, ...patched].map((item) => [keyOf(item), item]));
  for (const [key, item] of byKey) current.set(key, item);
  const ordered = [...new Set([...wanted, ...byKey.keys()])]
    .filter((key) => current.has(key))
    .map((key) => current.get(key));
  const rest = uniqueBy(
    kept.filter((item) => !named.has(keyOf(item))),
    keyOf,
  );
  const places = new Map<unknown, number>();
  for (const [place, item] of original.entries())
    if (!places.has(keyOf(item))) places.set(keyOf(item), place);
  return interleave(rest, ordered, (item) => places.get(keyOf(item)) ?? -1);
}

/** Keeps the order of both lists; an item of `rest` stands before the first it preceded. */
function interleave(
  rest: readonly unknown[],
  ordered: readonly unknown[],
  place: (item: unknown) => number,
): unknown[] {
  const result: unknown[] = [];
  let next = 0;
  for (const item of ordered) {
    while (next < rest.length && place(item) >= 0 && place(rest[next]) < place(item)) {
      result.push(rest[next]);
      next++;
    }
    result.push(item);
  }
  return [...result, ...rest.slice(next)];
}

/** An order without changes of the items. */
function reorder(
  type: SchemaType | undefined,
  merged: Map<string, unknown>,
  key: string,
  order: unknown,
): void {
  const field = fieldOf(type, key);
  const current = merged.get(key);
  if (field === undefined || !Array.isArray(current)) return;
  merged.set(key, mergeList(field, current, [], order));
}
