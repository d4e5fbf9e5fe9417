import type { Schemas } from '../schema.ts';
import {
  hasMessage,
  type ProtobufField,
  type ProtobufMessage,
  ProtobufMessages,
  type ProtobufType,
  wireTypes,
} from './messages.ts';
import { eitherFields, type SpecialWriter, specialWriters } from './special-writers.ts';
import { wireBytes } from './wire.ts';
import { WireWriter } from './wire-writer.ts';

type JsonObject = Readonly<Record<string, unknown>>;

interface PlannedField {
  readonly tag: number;
  readonly field: ProtobufField;
  readonly inlined: Plan | undefined;
}

/** Fields in falling order of their numbers. */
type Plan = readonly PlannedField[];

const keyTag = 8 + wireBytes;
const valueField = 2;
const nothing: JsonObject = {};

/**
 * Writes JSON objects as Go writes their messages: fields in the order of their numbers, maps in the order of their
 * keys, what Go holds by value also when it is absent, what it holds by pointer only when it is there.
 */
export class MessageWriter {
  readonly #messages: ProtobufMessages;
  readonly #plans = new Map<string, Plan>();
  readonly #writer = new WireWriter();

  constructor(schemas: Schemas) {
    this.#messages = new ProtobufMessages(schemas);
  }

  /** @returns the length of the message and its bytes; undefined when there is no message of that name */
  sized(message: string, object: object): Buffer | undefined {
    if (!hasMessage(message)) return undefined;
    this.#writer.clear();
    this.#fields(this.#planOf(message), object as JsonObject);
    this.#writer.varint(this.#writer.length);
    return this.#writer.take();
  }

  #planOf(message: string): Plan {
    const known = this.#plans.get(message);
    if (known !== undefined) return known;
    const plan = toPlan(this.#messages.get(message));
    this.#plans.set(message, plan);
    return plan;
  }

  #fields(plan: Plan, object: JsonObject): void {
    for (const { tag, field, inlined } of plan) {
      const value = object[field.name];
      if (inlined !== undefined) {
        const before = this.#writer.length;
        this.#fields(inlined, object);
        this.#writer.close(tag, before);
      } else if (value !== undefined && value !== null) this.#field(tag, field, value);
      else if (field.byValue && !field.repeated) this.#value(tag, field.type, undefined);
    }
  }

  #field(tag: number, { type, repeated }: ProtobufField, value: unknown): void {
    if (type.kind === 'map') this.#map(tag, type.values, value as JsonObject);
    else if (!repeated) this.#value(tag, type, value);
    else if (Array.isArray(value))
      for (let at = value.length - 1; at >= 0; at -= 1) this.#value(tag, type, value[at]);
  }

  #map(tag: number, values: ProtobufType, map: JsonObject): void {
    const valueTag = valueField * 8 + wireTypes[values.kind];
    const keys = Object.keys(map).sort();
    for (let at = keys.length - 1; at >= 0; at -= 1) {
      const key = keys[at] ?? '';
      const before = this.#writer.length;
      this.#value(valueTag, values, map[key]);
      this.#writer.text(keyTag, key);
      this.#writer.close(tag, before);
    }
  }

  /** An absent value is written as zero. */
  #value(tag: number, type: ProtobufType, value: unknown): void {
    const writer = this.#writer;
    switch (type.kind) {
      case 'string':
        writer.text(tag, value === undefined || value === null ? '' : String(value));
        return;
      case 'bytes':
        writer.bytes(tag, Buffer.from(typeof value === 'string' ? value : '', 'base64'));
        return;
      case 'bool':
        writer.varint(value === true ? 1 : 0);
        break;
      case 'int32':
      case 'int64':
        writer.integer(typeof value === 'number' ? value : 0);
        break;
      case 'double':
        writer.double(typeof value === 'number' ? value : 0);
        break;
      case 'message':
        this.#message(tag, type.message, value);
        return;
      case 'map':
        return;
    }
    writer.varint(tag);
  }

  #message(tag: number, message: string, value: unknown): void {
    const before = this.#writer.length;
    const special: SpecialWriter | undefined = specialWriters.get(message);
    if (special !== undefined) special(this.#writer, value);
    else {
      const object = eitherFields.get(message)?.(value) ?? value ?? nothing;
      this.#fields(this.#planOf(message), object as JsonObject);
    }
    this.#writer.close(tag, before);
  }
}

function toPlan({ fields }: ProtobufMessage): Plan {
  return [...fields]
    .map(([number, field]) => ({
      tag: number * 8 + wireTypes[field.type.kind],
      field,
      inlined: field.inlined === undefined ? undefined : toPlan(field.inlined),
    }))
    .sort((a, b) => b.tag - a.tag);
}
