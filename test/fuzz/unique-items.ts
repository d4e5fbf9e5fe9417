import type { SchemaField, SchemaType } from '../../apiserver/decode/schema.ts';

type Fields = Record<string, unknown>;

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Drops items of lists and of sets that stand twice, or lack what they are known by; what is left can be merged. */
export function withUniqueItems(type: SchemaType, value: unknown, field?: SchemaField): unknown {
  if (type.kind === 'list' && Array.isArray(value)) {
    const keys = keysOf(type.mapKeys, field);
    const seen = new Set<string>();
    return value
      .filter((item: unknown) => {
        const named = keys.map((key) => (isObject(item) ? item[key] : undefined));
        const id = JSON.stringify(keys.length === 0 ? item : named);
        const isKept = !seen.has(id) && !named.includes(undefined);
        seen.add(id);
        return isKept;
      })
      .map((item: unknown) => withUniqueItems(type.items, item));
  }
  if (!isObject(value)) return value;
  const changed = Object.entries(value).map(([key, item]) => {
    const inner = type.kind === 'struct' ? type.fields.get(key) : undefined;
    const itemType = type.kind === 'map' ? type.values : inner?.type;
    return [key, itemType === undefined ? item : withUniqueItems(itemType, item, inner)] as const;
  });
  return Object.fromEntries(changed);
}

/** A patch knows an item by one key and an apply by several: both must tell items apart. */
function keysOf(mapKeys: readonly string[], field: SchemaField | undefined): readonly string[] {
  const mergeKey = field?.patchMergeKey ?? '';
  return mergeKey === '' ? mapKeys : [mergeKey];
}
