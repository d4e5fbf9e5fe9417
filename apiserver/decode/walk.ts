import { canonicalQuantity } from '../../api/quantity.ts';
import { maxPathCharacters, type NumberTexts, noNumberTexts } from './json-text.ts';
import {
  emptyStruct,
  emptyValue,
  type ListType,
  type MapType,
  type ScalarType,
  type SchemaField,
  type SchemaType,
  type StructType,
} from './schema.ts';
import { canonicalMicroTime, canonicalTime } from './time.ts';

/** A value of the wrong type; the message is that of Go's JSON decoder. */
export class TypeMismatchError extends Error {
  readonly code = 'TYPE_MISMATCH';
}

/** Marks a path element that is the key of a map and no field. */
const mapKey = '\0';

const zeroTime = '0001-01-01T00:00:00Z';
const zeroMicroTime = '0001-01-01T00:00:00.000000Z';

/** The next double after the largest integer of 64 bits, which is read as 2 ** 63. */
const beyondInt64 = 2 ** 63 + 2048;

/** Free-form values deeper than this are refused. */
const maxRawDepth = 500;

/**
 * Makes a parsed JSON value what Go would have decoded and written again: unknown fields and nulls are gone, empty
 * values are left out or filled in as the type says, quantities and times are canonical. Changes the value in place
 * where it can; a value that is fine costs no allocation.
 */
export class TypedReader {
  /** Paths of fields that the schema does not know: `spec.containers[0].foo`. */
  readonly unknownFields: string[] = [];
  #pathCharacters = 0;
  readonly #path: (string | number)[] = [];
  /** Innermost struct first asked for, as Go's errors name it. */
  readonly #structs: string[] = [];
  readonly #numbers: NumberTexts;

  /** @param numbers how the numbers of the value are written, where that matters */
  constructor(numbers: NumberTexts = noNumberTexts) {
    this.#numbers = numbers;
  }

  /** @throws TypeMismatchError */
  object(type: StructType, value: unknown): Record<string, unknown> {
    if (value === null) return emptyStruct(type);
    return this.#struct(type, value);
  }

  #value(type: SchemaType, value: unknown): unknown {
    switch (type.kind) {
      case 'struct':
        return this.#struct(type, value);
      case 'list':
        return this.#list(type, value);
      case 'map':
        return this.#map(type, value);
      default:
        return this.#scalar(type, value);
    }
  }

  #struct(type: StructType, value: unknown): Record<string, unknown> {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      this.#mismatch(value, type.goType);
    const object = value as Record<string, unknown>;
    let dropped: Set<string> | undefined;
    this.#structs.push(type.goName);
    for (const key in object) {
      const field = type.fields.get(key);
      this.#path.push(key);
      if (field === undefined) this.#tellUnknown();
      const kept = field !== undefined && this.#field(field, object, key);
      this.#path.pop();
      if (!kept) {
        dropped ??= new Set();
        dropped.add(key);
      }
    }
    this.#structs.pop();
    const result = dropped === undefined ? object : without(object, dropped);
    for (const field of type.always)
      if (result[field.name] === undefined) result[field.name] = emptyValue(field.type);
    return result;
  }

  /** False when the field is not to be written. */
  #field(field: SchemaField, object: Record<string, unknown>, key: string): boolean {
    const value = object[key];
    if (value === null) return false;
    const result = this.#value(field.type, value);
    if (result === null) return false;
    if (field.presence === 'omitempty' && isEmpty(result)) return false;
    if (result !== value) object[key] = result;
    return true;
  }

  #list(type: ListType, value: unknown): unknown[] {
    if (!Array.isArray(value)) this.#mismatch(value, type.goType);
    const items: unknown[] = value;
    for (let index = 0; index < items.length; index++) {
      const item = items[index];
      if (type.items.kind === 'string' && typeof item === 'string') continue;
      this.#path.push(index);
      items[index] = item === null ? emptyValue(type.items) : this.#value(type.items, item);
      this.#path.pop();
    }
    return items;
  }

  #map(type: MapType, value: unknown): Record<string, unknown> {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      this.#mismatch(value, type.goType);
    const map = value as Record<string, unknown>;
    for (const key in map) {
      const item = map[key];
      if (type.values.kind === 'string' && typeof item === 'string') continue;
      this.#path.push(mapKey + key);
      const result = item === null ? emptyValue(type.values) : this.#value(type.values, item);
      this.#path.pop();
      if (result !== item)
        Object.defineProperty(map, key, {
          value: result,
          enumerable: true,
          writable: true,
          configurable: true,
        });
    }
    return map;
  }

  #scalar(type: ScalarType, value: unknown): unknown {
    switch (type.kind) {
      case 'string':
        return typeof value === 'string' ? value : this.#mismatch(value, type.goType);
      case 'boolean':
        return typeof value === 'boolean' ? value : this.#mismatch(value, type.goType);
      case 'int32':
        return this.#integer(type, value, 2 ** 31);
      case 'int64':
        return this.#exact(this.#integer(type, value, beyondInt64));
      case 'number':
        if (typeof value !== 'number') this.#mismatch(value, type.goType);
        return this.#finite(value as number);
      case 'quantity':
        return this.#quantity(value);
      case 'intOrString':
        return this.#intOrString(value);
      case 'bytes':
        return typeof value === 'string' ? canonicalBase64(value) : this.#mismatch(value, type.goType);
      case 'time':
      case 'microTime':
        return readTime(type.kind, value);
      case 'raw':
        this.#checkRaw(value, 0);
        return value;
    }
  }

  #integer(type: ScalarType, value: unknown, limit: number): number {
    if (typeof value !== 'number') this.#mismatch(value, type.goType);
    const number = value as number;
    const text = this.#textOf(number);
    if (text !== undefined || !Number.isInteger(number) || number >= limit || number < -limit)
      throw new TypeMismatchError(
        `json: cannot unmarshal number ${text ?? number} into ${this.#target()} of type ${type.goType}`,
      );
    return number;
  }

  /** How a number is written, when it has a point or an exponent and would be written again in another way. */
  #textOf(number: number): string | undefined {
    if (this.#numbers.size === 0) return undefined;
    const text = this.#numbers.get(this.#fieldPath());
    return Number(text) === number ? text : undefined;
  }

  /** Its number is read by a decoder of its own, which does not know the field. */
  #intOrString(value: unknown): string | number {
    if (typeof value === 'string') return value;
    const text = typeof value === 'number' ? this.#textOf(value) : undefined;
    if (text === undefined && typeof value === 'number' && (value | 0) === value) return value;
    const shown = typeof value === 'number' ? `number ${text ?? value}` : jsonType(value);
    throw new TypeMismatchError(`json: cannot unmarshal ${shown} into Go value of type int32`);
  }

  #quantity(value: unknown): string {
    if (typeof value === 'string') return canonicalQuantity(value.trim());
    const text = typeof value === 'number' ? this.#textOf(value) : undefined;
    if (text !== undefined) return canonicalQuantity(text);
    if (Number.isInteger(value)) this.#exact(value as number);
    return canonicalQuantity(JSON.stringify(value));
  }

  /**
   * Kubernetes keeps integers of 64 bits; here they are doubles from the parser on. One that a double may not hold would
   * come back as another number, which some clients could not even read: it is refused instead.
   */
  #exact(number: number): number {
    if (Number.isSafeInteger(number)) return number;
    throw new TypeMismatchError(
      `json: cannot keep an integer beyond ${Number.MAX_SAFE_INTEGER} exactly in ${this.#target()}`,
    );
  }

  /** What no double holds would be written as null. */
  #finite(number: number): number {
    if (Number.isFinite(number)) return number;
    throw new TypeMismatchError(
      `json: cannot unmarshal number ${number} into ${this.#target()} of type float64`,
    );
  }

  /** Larger numbers than 64 bits hold are no integers for Go either. */
  #checkRaw(value: unknown, depth: number): void {
    if (depth > maxRawDepth) throw new TypeMismatchError('exceeded max depth');
    if (typeof value === 'number') this.#finite(value);
    if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= 2 ** 63)
      this.#exact(value);
    if (typeof value !== 'object' || value === null) return;
    for (const item of Object.values(value)) this.#checkRaw(item, depth + 1);
  }

  #mismatch(value: unknown, goType: string): never {
    throw new TypeMismatchError(
      `json: cannot unmarshal ${jsonType(value)} into ${this.#target()} of type ${goType}`,
    );
  }

  /** `Go struct field Container.spec.containers.name`: indices and map keys are not told. */
  #target(): string {
    const struct = this.#structs.at(-1);
    if (struct === undefined) return 'Go value';
    return `Go struct field ${struct}.${this.#goPath().join('.')}`;
  }

  #goPath(): (string | number)[] {
    return this.#path.filter((part) => typeof part === 'string' && !part.startsWith(mapKey));
  }

  #tellUnknown(): void {
    const path = this.#pathCharacters > maxPathCharacters ? '' : this.#fieldPath();
    this.#pathCharacters += path.length;
    if (path !== '' && this.#pathCharacters <= maxPathCharacters) this.unknownFields.push(path);
  }

  #fieldPath(): string {
    let path = '';
    for (const part of this.#path) {
      const name = typeof part === 'string' && part.startsWith(mapKey) ? part.slice(mapKey.length) : part;
      path += typeof name === 'number' ? `[${name}]` : path === '' ? name : `.${name}`;
    }
    return path;
  }
}

function without(object: Record<string, unknown>, dropped: ReadonlySet<string>): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const key in object) if (!dropped.has(key)) kept[key] = object[key];
  return kept;
}

/** Go's omitempty: zero scalars, and lists and maps without elements. Structs are never empty. */
function isEmpty(value: unknown): boolean {
  if (value === '' || value === 0 || value === false || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value !== 'object') return false;
  for (const _ in value) return false;
  return true;
}

export function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (value === null) return 'null';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/** Go's zero time is none at all. */
function readTime(kind: 'time' | 'microTime', value: unknown): string | null {
  if (typeof value !== 'string')
    throw new TypeMismatchError(`json: cannot unmarshal ${jsonType(value)} into Go value of type string`);
  const time = kind === 'time' ? canonicalTime(value) : canonicalMicroTime(value);
  return time === zeroTime || time === zeroMicroTime ? null : time;
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function canonicalBase64(value: string): string {
  if (base64.test(value)) return value;
  const text = value.replace(/[\r\n]/g, '');
  if (base64.test(text)) return text;
  let at = 0;
  while (at < text.length && /[A-Za-z0-9+/]/.test(text[at] ?? '')) at++;
  throw new TypeMismatchError(`illegal base64 data at input byte ${at}`);
}
