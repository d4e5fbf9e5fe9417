import type { SchemaType } from '../../decode/schema.ts';
import { showPath } from './field-set.ts';
import { isObject, itemElement } from './typed-value.ts';

/** The first place where a configuration does not fit the type, in the words of structured merge; undefined when it fits. */
export function findSchemaProblem(
  type: SchemaType,
  value: unknown,
  path: readonly string[] = [],
): string | undefined {
  if (value === null || value === undefined) return undefined;
  switch (type.kind) {
    case 'struct':
      return problemOfFields(type, value, path, (key) => type.fields.get(key)?.type);
    case 'map':
      return problemOfFields(type, value, path, () => type.values);
    case 'list':
      return problemOfItems(type, value, path);
    case 'string':
      return typeof value === 'string' ? undefined : expected('string', value, path);
    case 'int32':
    case 'int64':
    case 'number':
      return typeof value === 'number' ? undefined : expected('numeric (int or float)', value, path);
    case 'boolean':
      return typeof value === 'boolean' ? undefined : expected('boolean', value, path);
    default:
      return undefined;
  }
}

function expected(what: string, value: unknown, path: readonly string[]): string {
  const shown =
    typeof value === 'string'
      ? JSON.stringify(value)
      : isObject(value) || Array.isArray(value)
        ? JSON.stringify(value)
        : String(value);
  return `${showPath(path)}: expected ${what}, got &value.valueUnstructured{Value:${shown}}`;
}

function problemOfFields(
  type: SchemaType,
  value: unknown,
  path: readonly string[],
  typeOf: (key: string) => SchemaType | undefined,
): string | undefined {
  if (!isObject(value))
    return expected(type.kind === 'map' || type.kind === 'struct' ? 'map' : type.kind, value, path);
  for (const [key, item] of Object.entries(value)) {
    const here = [...path, `f:${key}`];
    const part = typeOf(key);
    if (part === undefined) return `${showPath(here)}: field not declared in schema`;
    const problem = findSchemaProblem(part, item, here);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function problemOfItems(type: SchemaType, value: unknown, path: readonly string[]): string | undefined {
  if (type.kind !== 'list') return undefined;
  if (!Array.isArray(value)) return expected('list', value, path);
  const seen = new Set<string>();
  for (const [index, item] of value.entries()) {
    const element = type.listType === 'atomic' ? `i:${index}` : itemElement(type, item);
    const here = [...path, element];
    if (type.listType !== 'atomic' && seen.has(element))
      return `${showPath(path)}: duplicate entries for key ${showPath([element])}`;
    seen.add(element);
    const problem = findSchemaProblem(type.items, item, here);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
