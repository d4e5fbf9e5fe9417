/** RFC 6902 once more, by copying and not by changing, to be compared with. Undefined: it cannot be carried out. */
export interface ReferenceOperation {
  readonly op: 'add' | 'remove' | 'replace' | 'test' | 'copy' | 'move';
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

type Change = (parent: unknown, key: string) => unknown;

const failed: unique symbol = Symbol('failed');

const parts = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));

const isFields = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function at(document: unknown, path: readonly string[]): unknown {
  let value = document;
  for (const key of path) {
    if (Array.isArray(value))
      value = /^(0|[1-9]\d*)$/.test(key) && Number(key) < value.length ? value[Number(key)] : failed;
    else value = isFields(value) && Object.hasOwn(value, key) ? value[key] : failed;
    if (value === failed) return failed;
  }
  return value;
}

/** `document` with `change` made at the parent of `path`. */
function changed(document: unknown, path: readonly string[], change: Change): unknown {
  const [key = '', ...rest] = path;
  if (rest.length === 0) return change(document, key);
  const child = at(document, [key]);
  if (child === failed) return failed;
  const inner = changed(child, rest, change);
  if (inner === failed) return failed;
  if (Array.isArray(document))
    return document.map((item: unknown, place) => (place === Number(key) ? inner : item));
  return { ...(document as object), [key]: inner };
}

const add =
  (value: unknown): Change =>
  (parent, key) => {
    if (isFields(parent)) return { ...parent, [key]: value };
    if (!Array.isArray(parent)) return failed;
    const place = key === '-' ? parent.length : Number(/^(0|[1-9]\d*)$/.test(key) ? key : Number.NaN);
    return place <= parent.length ? [...parent.slice(0, place), value, ...parent.slice(place)] : failed;
  };

const remove: Change = (parent, key) => {
  if (at(parent, [key]) === failed) return failed;
  if (Array.isArray(parent)) return parent.filter((_, place) => place !== Number(key));
  return Object.fromEntries(Object.entries(parent as object).filter(([name]) => name !== key));
};

const replace =
  (value: unknown): Change =>
  (parent, key) => {
    if (isFields(parent)) return { ...parent, [key]: value };
    if (at(parent, [key]) === failed) return failed;
    return (parent as unknown[]).map((item, place) => (place === Number(key) ? value : item));
  };

export function referencePatch(
  document: unknown,
  operations: readonly ReferenceOperation[],
  isEqual: (left: unknown, right: unknown) => boolean,
): { readonly value: unknown } | undefined {
  let value = document;
  for (const { op, path, from = '', value: given } of operations) {
    const source = at(value, parts(from));
    switch (op) {
      case 'add':
        value = changed(value, parts(path), add(given));
        break;
      case 'remove':
        value = changed(value, parts(path), remove);
        break;
      case 'replace':
        value = changed(value, parts(path), replace(given));
        break;
      case 'copy':
        value = source === failed ? failed : changed(value, parts(path), add(source));
        break;
      case 'move': {
        const without = source === failed ? failed : changed(value, parts(from), remove);
        value = without === failed ? failed : changed(without, parts(path), add(source));
        break;
      }
      case 'test': {
        const found = at(value, parts(path));
        // A field that is not there equals null, as in Kubernetes' library.
        const isThere = at(value, parts(path).slice(0, -1)) !== failed;
        if (!isThere || !isEqual(found === failed ? null : found, given)) return undefined;
        break;
      }
    }
    if (value === failed) return undefined;
  }
  return { value };
}
