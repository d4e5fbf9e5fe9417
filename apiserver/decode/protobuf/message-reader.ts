import type { Schemas } from '../schema.ts';
import {
  messageNameOf,
  type ProtobufField,
  type ProtobufMessage,
  ProtobufMessages,
  type ProtobufType,
  wireTypes,
} from './messages.ts';
import { eitherMessages, specialMessages } from './special-messages.ts';
import { WireError, WireReader, wireBytes, wireVarint } from './wire.ts';

/** Messages within messages; JSON schemas, which refer to themselves, are the only ones that come near. */
const maxDepth = 200;

type JsonObject = Record<string, unknown>;

/**
 * Reads messages as the JSON objects that Go would have written of them. Scalars that Go holds by value are on the wire
 * even when zero: they are left out here where JSON leaves them out.
 */
export class MessageReader {
  readonly #messages: ProtobufMessages;

  constructor(schemas: Schemas) {
    this.#messages = new ProtobufMessages(schemas);
  }

  /**
   * @param definition in the schema facts
   * @throws WireError
   */
  read(definition: string, bytes: Buffer): JsonObject {
    const object: JsonObject = {};
    this.#fields(this.#messages.get(messageNameOf(definition)), bytes, object, 0);
    return object;
  }

  #fields(message: ProtobufMessage, bytes: Buffer, object: JsonObject, depth: number): void {
    if (depth > maxDepth) throw new WireError('exceeded max depth');
    const reader = new WireReader(bytes);
    while (!reader.done) {
      const tag = reader.tag();
      const field = message.fields.get(Math.floor(tag / 8));
      if (field === undefined) reader.skip(tag % 8);
      else this.#field(field, tag % 8, reader, object, depth);
    }
  }

  #field(
    field: ProtobufField,
    wireType: number,
    reader: WireReader,
    object: JsonObject,
    depth: number,
  ): void {
    const { type, inlined } = field;
    if (field.repeated) {
      this.#repeated(field, wireType, reader, object, depth);
      return;
    }
    checkWireType(field, wireType);
    if (inlined !== undefined) this.#fields(inlined, reader.bytes(), object, depth + 1);
    else if (type.kind === 'map') this.#entry(field.name, type.values, reader.bytes(), object, depth);
    else {
      // A message that comes in several pieces is all of them together.
      const value = this.#value(type, reader, depth, object[field.name]);
      if (value === null || (field.presence === 'omitempty' && isZero(value))) delete object[field.name];
      else object[field.name] = value;
    }
  }

  #value(type: ProtobufType, reader: WireReader, depth: number, earlier: unknown): unknown {
    switch (type.kind) {
      case 'string':
        return reader.text();
      case 'bytes':
        return reader.bytes().toString('base64');
      case 'bool':
        return reader.int64() !== 0;
      case 'int32':
        return reader.int32();
      case 'int64':
        return reader.int64();
      case 'double':
        return reader.double();
      case 'message':
        return this.#message(type.message, reader.bytes(), depth + 1, earlier);
      case 'map':
        throw new WireError('proto: a map stands where there is none');
    }
  }

  #message(message: string, bytes: Buffer, depth: number, earlier: unknown): unknown {
    const special = specialMessages.get(message);
    if (special !== undefined) return special(bytes);
    const object = isObject(earlier) ? earlier : {};
    this.#fields(this.#messages.get(message), bytes, object, depth);
    return eitherMessages.get(message)?.(object) ?? object;
  }

  #repeated(
    field: ProtobufField,
    wireType: number,
    reader: WireReader,
    object: JsonObject,
    depth: number,
  ): void {
    const before = object[field.name];
    const items: unknown[] = Array.isArray(before) ? before : [];
    object[field.name] = items;
    if (wireType === wireBytes && wireTypes[field.type.kind] === wireVarint) {
      const packed = new WireReader(reader.bytes());
      while (!packed.done) items.push(this.#value(field.type, packed, depth, undefined));
      return;
    }
    checkWireType(field, wireType);
    items.push(this.#value(field.type, reader, depth, undefined));
  }

  /** A map is a repeated message of a key (1) and a value (2). */
  #entry(name: string, values: ProtobufType, bytes: Buffer, object: JsonObject, depth: number): void {
    const reader = new WireReader(bytes);
    let key = '';
    let value: unknown;
    while (!reader.done) {
      const tag = reader.tag();
      if (tag === 8 + wireBytes) key = reader.text();
      else if (tag === 16 + wireTypes[values.kind]) value = this.#value(values, reader, depth + 1, undefined);
      else reader.skip(tag % 8);
    }
    const before = object[name];
    const map = isObject(before) ? before : {};
    object[name] = map;
    Object.defineProperty(map, key, {
      value: value === undefined ? this.#absentValue(values) : value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }

  #absentValue(type: ProtobufType): unknown {
    switch (type.kind) {
      case 'string':
      case 'bytes':
        return '';
      case 'bool':
        return false;
      case 'message':
        return this.#message(type.message, noBytes, 0, undefined);
      default:
        return 0;
    }
  }
}

const noBytes: Buffer = Buffer.alloc(0);

function checkWireType(field: ProtobufField, wireType: number): void {
  if (wireType === wireTypes[field.type.kind]) return;
  const goName = field.name.charAt(0).toUpperCase() + field.name.slice(1);
  throw new WireError(`proto: wrong wireType = ${wireType} for field ${goName}`);
}

const isZero = (value: unknown): boolean => value === '' || value === 0 || value === false;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
