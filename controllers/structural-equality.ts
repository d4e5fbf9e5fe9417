/**
 * Equality of API values as Kubernetes means it: a field that is absent, null, an empty list or an empty map of strings
 * is the same nothing. An empty object that chooses something (`emptyDir: {}`) is not nothing.
 */
export function isSame(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (Array.isArray(left)) return Array.isArray(right) && isSameList(left, right);
  if (!isObject(left) || !isObject(right) || Array.isArray(right)) return false;
  return isSameObject(left, right);
}

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

function isSameList(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && left.every((item, i) => isSame(item ?? null, right[i] ?? null));
}

function isSameObject(left: Fields, right: Fields): boolean {
  let fields = 0;
  for (const key in left) {
    const field = left[key];
    if (isNothing(key, field)) continue;
    fields += 1;
    const other = right[key];
    if (field !== other && (isNothing(key, other) || !isSame(field, other))) return false;
  }
  for (const key in right) if (!isNothing(key, right[key])) fields -= 1;
  return fields === 0;
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
