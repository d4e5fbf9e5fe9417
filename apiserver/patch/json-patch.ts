import { isDeepStrictEqual } from 'node:util';
import { cloneJson } from '../decode/clone-json.ts';

/** An operation that cannot be carried out on this object. */
export class JsonPatchError extends Error {
  readonly code = 'JSON_PATCH_FAILED';
}

export interface JsonPatchOperation {
  readonly op?: unknown;
  readonly path?: unknown;
  readonly from?: unknown;
  readonly value?: unknown;
}

/** Bytes of JSON that all `copy` operations of a patch may add together: each could double what is there. */
const maxCopiedBytes = 3 * 1024 * 1024;

/** More operations than this are refused. */
export const maxJsonPatchOperations = 10_000;

type Container = unknown[] | Record<string, unknown>;

/**
 * RFC 6902, with the one liberty that Kubernetes' library takes: `replace` may name a field that is not there.
 * Changes `document` in place, and returns it, or what replaced it. @throws JsonPatchError
 */
export function applyJsonPatch(document: unknown, operations: readonly JsonPatchOperation[]): unknown {
  let root = document;
  let copied = 0;
  for (const operation of operations) {
    if (operation.op === 'copy') copied += sizeOf(need(root, pointer(operation.from)));
    if (copied > maxCopiedBytes)
      throw new JsonPatchError(`copies add ${copied} bytes, more than the limit of ${maxCopiedBytes}`);
    root = applyOperation(root, operation);
  }
  return root;
}

const sizeOf = (value: unknown): number => JSON.stringify(value).length;

function applyOperation(root: unknown, operation: JsonPatchOperation): unknown {
  const path = pointer(operation.path);
  switch (operation.op) {
    case 'add':
      return add(root, path, operation.value);
    case 'remove':
      return remove(root, path);
    case 'replace':
      return replace(root, path, operation.value);
    case 'test':
      if (!isDeepStrictEqual(find(root, path) ?? null, operation.value ?? null))
        throw new JsonPatchError(`testing value /${path.join('/')} failed`);
      return root;
    case 'copy':
      return add(root, path, cloneJson(need(root, pointer(operation.from))));
    case 'move': {
      const from = pointer(operation.from);
      const value = need(root, from);
      return add(remove(root, from), path, value);
    }
    default:
      throw new JsonPatchError(`Unexpected kind: ${JSON.stringify(operation.op)}`);
  }
}

function pointer(path: unknown): string[] {
  if (typeof path !== 'string' || (path !== '' && !path.startsWith('/')))
    throw new JsonPatchError(`missing or malformed path ${JSON.stringify(path)}`);
  return path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null;
}

function child(container: unknown, key: string): unknown {
  if (!isContainer(container)) throw new JsonPatchError(`no container for ${key}`);
  if (Array.isArray(container)) return container[indexOf(container, key, container.length - 1)];
  return Object.hasOwn(container, key) ? container[key] : undefined;
}

function find(root: unknown, path: readonly string[]): unknown {
  return path.reduce(child, root);
}

function need(root: unknown, path: readonly string[]): unknown {
  const value = find(root, path);
  if (value === undefined) throw new JsonPatchError(`missing /${path.join('/')}`);
  return value;
}

function indexOf(list: readonly unknown[], key: string, last: number): number {
  if (!/^-?(?:0|[1-9]\d*)$/.test(key)) throw new JsonPatchError(`invalid index ${key}`);
  const index = Number(key) < 0 ? Number(key) + list.length : Number(key);
  if (index < 0 || index > last) throw new JsonPatchError(`index ${key} is out of bounds`);
  return index;
}

function parentOf(root: unknown, path: readonly string[]): Container {
  const parent = find(root, path.slice(0, -1));
  if (!isContainer(parent)) throw new JsonPatchError(`/${path.join('/')} has no parent`);
  return parent;
}

function put(object: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
}

function add(root: unknown, path: readonly string[], value: unknown): unknown {
  const key = path.at(-1);
  if (key === undefined) return value;
  const parent = parentOf(root, path);
  if (!Array.isArray(parent)) put(parent, key, value ?? null);
  else if (key === '-') parent.push(value ?? null);
  else parent.splice(indexOf(parent, key, parent.length), 0, value ?? null);
  return root;
}

function remove(root: unknown, path: readonly string[]): unknown {
  const key = path.at(-1);
  if (key === undefined) throw new JsonPatchError('the whole document cannot be removed');
  const parent = parentOf(root, path);
  if (Array.isArray(parent)) parent.splice(indexOf(parent, key, parent.length - 1), 1);
  else if (Object.hasOwn(parent, key)) delete parent[key];
  else throw new JsonPatchError(`unable to remove nonexistent key: ${key}`);
  return root;
}

function replace(root: unknown, path: readonly string[], value: unknown): unknown {
  const key = path.at(-1);
  if (key === undefined) return value;
  const parent = parentOf(root, path);
  if (Array.isArray(parent)) parent[indexOf(parent, key, parent.length - 1)] = value ?? null;
  else put(parent, key, value ?? null);
  return root;
}
