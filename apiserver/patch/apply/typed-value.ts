import { isDeepStrictEqual } from 'node:util';
import type { ListType, SchemaType } from '../../decode/schema.ts';
import { FieldSet } from './field-set.ts';

export type Fields = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Types whose parts are owned one by one; all others are owned as a whole. */
export function isGranular(type: SchemaType): boolean {
  switch (type.kind) {
    case 'struct':
    case 'map':
      return !type.atomic;
    case 'list':
      return type.listType !== 'atomic';
    default:
      return false;
  }
}

export function childType(type: SchemaType, key: string): SchemaType | undefined {
  if (type.kind === 'map') return type.values;
  return type.kind === 'struct' ? type.fields.get(key)?.type : undefined;
}

/** How an item of a keyed list or a set is named in a path. Keys that are left out have their default. */
export function itemElement(type: ListType, item: unknown): string {
  if (type.listType === 'set') return `v:${JSON.stringify(item)}`;
  const keys: Record<string, unknown> = {};
  for (const key of [...type.mapKeys].sort()) {
    const field = type.items.kind === 'struct' ? type.items.fields.get(key) : undefined;
    const value = isObject(item) ? (item[key] ?? field?.defaultValue) : undefined;
    if (value !== undefined) keys[key] = value;
  }
  return `k:${JSON.stringify(keys)}`;
}

/** What a granular value consists of, by path element. */
export function partsOf(type: SchemaType, value: unknown): Map<string, { type: SchemaType; value: unknown }> {
  const parts = new Map<string, { type: SchemaType; value: unknown }>();
  if (type.kind === 'list') {
    for (const item of Array.isArray(value) ? value : [])
      parts.set(itemElement(type, item), { type: type.items, value: item });
    return parts;
  }
  for (const [key, item] of Object.entries(isObject(value) ? value : {})) {
    const part = childType(type, key);
    if (part !== undefined) parts.set(`f:${key}`, { type: part, value: item });
  }
  return parts;
}

const isNothing = (value: unknown): boolean =>
  value === null || (isObject(value) && Object.keys(value).length === 0);

/** The paths that an applied configuration claims. */
export function toFieldSet(type: SchemaType, value: unknown): FieldSet {
  const set = new FieldSet();
  claim(type, value, [], set);
  return set;
}

function claim(type: SchemaType, value: unknown, path: readonly string[], set: FieldSet): void {
  for (const [element, part] of partsOf(type, value)) {
    const here = [...path, element];
    const named = type.kind === 'struct';
    if (!isGranular(part.type) || !named || isNothing(part.value)) set.insert(here);
    if (isGranular(part.type)) claim(part.type, part.value, here, set);
  }
}

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/** What is different in `next`. */
export function compareValues(type: SchemaType, current: unknown, next: unknown): Comparison {
  const comparison = { added: new FieldSet(), modified: new FieldSet(), removed: new FieldSet() };
  compareParts({ type, current, next }, [], comparison);
  return comparison;
}

interface Pair {
  readonly type: SchemaType;
  readonly current: unknown;
  readonly next: unknown;
}

function compareParts(pair: Pair, path: readonly string[], comparison: Comparison): void {
  const before = partsOf(pair.type, pair.current);
  const after = partsOf(pair.type, pair.next);
  for (const element of new Set([...before.keys(), ...after.keys()])) {
    const [old, part] = [before.get(element), after.get(element)];
    const type = part?.type ?? old?.type;
    if (type === undefined) continue;
    const here = [...path, element];
    if (old === undefined) comparison.added.insert(here);
    else if (part === undefined) comparison.removed.insert(here);
    else if (!isGranular(type) && !isDeepStrictEqual(old.value, part.value)) comparison.modified.insert(here);
    if (isGranular(type)) compareParts({ type, current: old?.value, next: part?.value }, here, comparison);
  }
}

/** `config` over `live`: granular parts one by one, the rest as a whole. Shares what it does not change. */
export function mergeValues(type: SchemaType, live: unknown, config: unknown): unknown {
  if (config === undefined) return live;
  if (live === undefined || live === null || config === null || !isGranular(type)) return config;
  if (type.kind === 'list') return mergeLists(type, live, config);
  if (!isObject(live) || !isObject(config)) return config;
  const merged = new Map(Object.entries(live));
  for (const [key, value] of Object.entries(config)) {
    const part = childType(type, key);
    if (part !== undefined) merged.set(key, mergeValues(part, merged.get(key), value));
  }
  return Object.fromEntries(merged);
}

/** Items of the configuration in its order; those it does not name stay where they stood between them. */
function mergeLists(type: ListType, live: unknown, config: unknown): unknown[] {
  const left = partsOf(type, live);
  const right = partsOf(type, config);
  const merged = (element: string): unknown =>
    mergeValues(type.items, left.get(element)?.value, right.get(element)?.value);
  const result: unknown[] = [];
  const done = new Set<string>();
  const emit = (element: string): void => {
    if (!done.has(element)) result.push(merged(element));
    done.add(element);
  };
  const waiting = [...right.keys()];
  for (const element of left.keys()) {
    if (right.has(element)) while (waiting.length > 0 && !done.has(element)) emit(waiting.shift() ?? element);
    emit(element);
  }
  for (const element of waiting) emit(element);
  return result;
}

/** Without the parts that are members of `paths`. */
export function removeParts(type: SchemaType, value: unknown, paths: FieldSet): unknown {
  if (paths.isEmpty || !isGranular(type)) return value;
  if (type.kind === 'list') {
    if (!Array.isArray(value)) return value;
    return value.flatMap((item: unknown) => {
      const node = paths.get(itemElement(type, item));
      if (node?.member === true) return [];
      return [node === undefined ? item : removeParts(type.items, item, node.below)];
    });
  }
  if (!isObject(value)) return value;
  const kept: [string, unknown][] = [];
  for (const [key, item] of Object.entries(value)) {
    const node = paths.get(`f:${key}`);
    const part = childType(type, key);
    if (node?.member === true) continue;
    kept.push([key, node === undefined || part === undefined ? item : removeParts(part, item, node.below)]);
  }
  return Object.fromEntries(kept);
}
