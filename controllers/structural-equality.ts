/**
 * Equality of API values as Kubernetes means it: a field that is absent, null, an empty list or an empty map of strings
 * is the same nothing. An empty object that chooses something (`emptyDir: {}`) is not nothing.
 */
export function isSame(left: unknown, right: unknown): boolean {
  return left === right || canonicalJson(left) === canonicalJson(right);
}

const mapsOfStrings: ReadonlySet<string> = new Set([
  'labels',
  'annotations',
  'nodeSelector',
  'limits',
  'requests',
]);

/** JSON with sorted keys and without what means nothing: equal values have equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(canonical(value)) ?? '';
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value)
    .filter(([key, field]) => !isNothing(key, field))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, field]) => [key, canonical(field)] as const);
  return Object.fromEntries(kept);
}

function isNothing(key: string, field: unknown): boolean {
  if (field === undefined || field === null) return true;
  if (Array.isArray(field)) return field.length === 0;
  return typeof field === 'object' && mapsOfStrings.has(key) && Object.keys(field).length === 0;
}
