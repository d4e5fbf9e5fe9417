import { isDeepStrictEqual } from 'node:util';
import type { ListType, SchemaType } from '../../decode/schema.ts';
import { type FieldNode, FieldSet } from './field-set.ts';

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
  const [only, ...more] = type.mapKeys;
  if (only !== undefined && more.length === 0 && isObject(item)) {
    const value = item[only];
    if (typeof value === 'string') return `k:{${JSON.stringify(only)}:${JSON.stringify(value)}}`;
  }
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
  if (current === next) return alike;
  const found: Differences = {};
  if (type.kind === 'list') {
    const [before, after] = [partsOf(type, current), partsOf(type, next)];
    for (const [element, part] of after)
      comparePart(found, element, {
        type: type.items,
        current: before.get(element)?.value,
        next: part.value,
      });
    for (const [element, part] of before)
      if (!after.has(element))
        comparePart(found, element, { type: type.items, current: part.value, next: undefined });
  } else compareFields(found, type, isObject(current) ? current : noFields, isObject(next) ? next : noFields);
  const { added, modified, removed } = found;
  if (added === undefined && modified === undefined && removed === undefined) return alike;
  return { added: toSet(added), modified: toSet(modified), removed: toSet(removed) };
}

/** Made when first needed: most objects hardly differ from what they were. */
interface Differences {
  added?: Map<string, FieldNode>;
  modified?: Map<string, FieldNode>;
  removed?: Map<string, FieldNode>;
}

const noFields: Fields = {};
const empty: FieldSet = new FieldSet();
const alike: Comparison = { added: empty, modified: empty, removed: empty };
const leaf: FieldNode = { member: true, below: empty };
const toSet = (nodes: Map<string, FieldNode> | undefined): FieldSet =>
  nodes === undefined ? empty : new FieldSet(nodes);

function compareFields(found: Differences, type: SchemaType, current: Fields, next: Fields): void {
  for (const key in next) {
    const part = childType(type, key);
    if (part !== undefined)
      comparePart(found, `f:${key}`, { type: part, current: current[key], next: next[key] });
  }
  for (const key in current) {
    if (next[key] !== undefined) continue;
    const part = childType(type, key);
    if (part !== undefined)
      comparePart(found, `f:${key}`, { type: part, current: current[key], next: undefined });
  }
}

interface Pair {
  readonly type: SchemaType;
  readonly current: unknown;
  readonly next: unknown;
}

function comparePart(found: Differences, element: string, { type, current, next }: Pair): void {
  if (current === next) return;
  if (!isGranular(type)) {
    if (current === undefined) found.added = (found.added ?? new Map()).set(element, leaf);
    else if (next === undefined) found.removed = (found.removed ?? new Map()).set(element, leaf);
    else if (!isDeepStrictEqual(current, next))
      found.modified = (found.modified ?? new Map()).set(element, leaf);
    return;
  }
  const { added, modified, removed } = compareValues(type, current, next);
  const [isNew, isGone] = [current === undefined, next === undefined];
  if (isNew || !added.isEmpty)
    found.added = (found.added ?? new Map()).set(element, { member: isNew, below: added });
  if (!modified.isEmpty)
    found.modified = (found.modified ?? new Map()).set(element, { member: false, below: modified });
  if (isGone || !removed.isEmpty)
    found.removed = (found.removed ?? new Map()).set(element, { member: isGone, below: removed });
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
