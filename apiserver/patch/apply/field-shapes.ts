/**
 * The owned fields of new objects. Who creates an object owns what it says, whatever the values are; objects that are
 * made alike (the pods of one ReplicaSet, the events of one controller) have the same fields. So the fields are found
 * by a signature: one walk over the object, instead of building a set of paths, subtracting from it and writing it out.
 *
 * INVARIANT: objects with the same signature have the same `FieldSet`. The signature is what `compareValues` looks at:
 * the fields' names, the keys of list items, the values of sets; and whether a field that an empty object has too has
 * another value than there.
 */
import { isDeepStrictEqual } from 'node:util';
import type { SchemaType } from '../../decode/schema.ts';
import { childType, isGranular, isObject, itemElement } from './typed-value.ts';

/** Shapes remembered; the oldest goes. */
const rememberedShapes = 1_000;
/** A signature that is longer costs more to keep than to do without. */
const signatureLimit = 16 * 1024;

const open = '{';
const close = '}';
const same = '=';

/** Undefined for an object that is too large. */
export function signatureOf(type: SchemaType, empty: unknown, value: unknown): string | undefined {
  const signature = granular(type, empty, value);
  return signature.length > signatureLimit ? undefined : signature;
}

function granular(type: SchemaType, empty: unknown, value: unknown): string {
  if (type.kind === 'list') {
    let signature = open;
    for (const item of Array.isArray(value) ? value : [])
      signature += part(itemElement(type, item), type.items, undefined, item);
    return signature + close;
  }
  if (!isObject(value)) return open + close;
  const before = isObject(empty) ? empty : undefined;
  let signature = open;
  for (const key in value) {
    const child = childType(type, key);
    if (child === undefined) continue;
    // The names of fields are known, those of map keys may be anything.
    const name = type.kind === 'map' ? JSON.stringify(key) : key;
    signature += part(name, child, before?.[key], value[key]);
  }
  return signature + close;
}

function part(name: string, type: SchemaType, empty: unknown, value: unknown): string {
  if (value === undefined) return '';
  if (!isGranular(type)) return empty !== undefined && isDeepStrictEqual(empty, value) ? '' : `${name},`;
  const inside = granular(type, empty, value);
  return empty === undefined ? name + inside : name + same + inside;
}

/** What was found for a signature, as long as there is room. */
export class FieldShapes<V> {
  readonly #found = new Map<string, V>();

  has(signature: string): boolean {
    return this.#found.has(signature);
  }

  get(signature: string): V | undefined {
    return this.#found.get(signature);
  }

  set(signature: string, value: V): void {
    this.#found.set(signature, value);
    if (this.#found.size <= rememberedShapes) return;
    const [oldest] = this.#found.keys();
    if (oldest !== undefined) this.#found.delete(oldest);
  }
}
