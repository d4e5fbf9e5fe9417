import {
  messageNameOf,
  type ProtobufField,
  type ProtobufMessage,
  type ProtobufMessages,
  type ProtobufType,
} from '../../apiserver/decode/protobuf/messages.ts';

const bytesType = 2;

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

const integer = (value: unknown): Buffer =>
  varint(typeof value === 'number' && Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n);
const sized = (bytes: Buffer): Buffer => Buffer.concat([varint(BigInt(bytes.length)), bytes]);
const tagged = (field: number, wireType: number, bytes: Buffer): Buffer =>
  Buffer.concat([varint(BigInt(field * 8 + wireType)), bytes]);
const text = (field: number, value: unknown): Buffer =>
  tagged(
    field,
    bytesType,
    sized(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value ?? null))),
  );

/** An object's own `toString` is not called. */
const shown = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Messages whose JSON is no object with the same fields, by the last part of their name. */
const special: Readonly<Record<string, (value: unknown) => Buffer>> = {
  Quantity: (value) => text(1, shown(value)),
  IntOrString: (value) =>
    typeof value === 'number'
      ? Buffer.concat([tagged(1, 0, integer(0)), tagged(2, 0, integer(value)), text(3, '')])
      : Buffer.concat([tagged(1, 0, integer(1)), tagged(2, 0, integer(0)), text(3, shown(value))]),
  Time: (value) => time(value),
  MicroTime: (value) => time(value),
  FieldsV1: (value) => text(1, JSON.stringify(value)),
  RawExtension: (value) => text(1, JSON.stringify(value)),
  JSON: (value) => text(1, JSON.stringify(value)),
  Verbs: (value) => texts(value),
  ExtraValue: (value) => texts(value),
};

function time(value: unknown): Buffer {
  const written = shown(value);
  const ms = Date.parse(written);
  const micros = Number(/\.(\d{6})/.exec(written)?.[1] ?? 0);
  return Buffer.concat([tagged(1, 0, integer(Math.floor(ms / 1000))), tagged(2, 0, integer(micros * 1000))]);
}

const texts = (value: unknown): Buffer =>
  Buffer.concat((Array.isArray(value) ? value : []).map((item: unknown) => text(1, item)));

/** Writes JSON objects as messages; what does not fit the message is left out, or written as it comes. */
export class ProtobufWriter {
  readonly #messages: ProtobufMessages;

  constructor(messages: ProtobufMessages) {
    this.#messages = messages;
  }

  /** A whole request body. */
  body(object: Record<string, unknown>, definition: string): Buffer {
    const typeMeta = Buffer.concat([text(1, object['apiVersion'] ?? ''), text(2, object['kind'] ?? '')]);
    const message = this.message(object, definition);
    const envelope = [tagged(1, bytesType, sized(typeMeta)), tagged(2, bytesType, sized(message))];
    return Buffer.concat([Buffer.from('k8s\0'), ...envelope, text(3, ''), text(4, '')]);
  }

  /** The bytes of the object itself. */
  message(object: Record<string, unknown>, definition: string): Buffer {
    return this.#message(this.#messages.get(messageNameOf(definition)), object);
  }

  #message(message: ProtobufMessage, object: Record<string, unknown>): Buffer {
    const parts: Buffer[] = [];
    for (const [number, field] of message.fields) {
      if (field.inlined !== undefined)
        parts.push(tagged(number, bytesType, sized(this.#message(field.inlined, object))));
      else if (Object.hasOwn(object, field.name)) parts.push(this.#field(number, field, object[field.name]));
    }
    return Buffer.concat(parts);
  }

  #field(number: number, { type, repeated }: ProtobufField, value: unknown): Buffer {
    if (value === null || value === undefined) return Buffer.alloc(0);
    if (type.kind === 'map') {
      const values = type.values;
      const entries = Object.entries(isObject(value) ? value : {}).map(([key, item]) =>
        tagged(number, bytesType, sized(Buffer.concat([text(1, key), this.#value(2, values, item)]))),
      );
      return Buffer.concat(entries);
    }
    const items: readonly unknown[] = repeated ? (Array.isArray(value) ? value : []) : [value];
    return Buffer.concat(items.map((item) => this.#value(number, type, item)));
  }

  #value(number: number, type: ProtobufType, value: unknown): Buffer {
    switch (type.kind) {
      case 'string':
        return text(number, value);
      case 'bytes':
        return tagged(number, bytesType, sized(Buffer.from(shown(value), 'base64')));
      case 'bool':
        return tagged(number, 0, integer(value === true ? 1 : 0));
      case 'int32':
      case 'int64':
        return tagged(number, 0, integer(value));
      case 'double': {
        const wire = Buffer.alloc(8);
        wire.writeDoubleLE(Number(value));
        return tagged(number, 1, wire);
      }
      case 'message':
        return tagged(number, bytesType, sized(this.#inner(type.message, value)));
      case 'map':
        return Buffer.alloc(0);
    }
  }

  #inner(message: string, value: unknown): Buffer {
    const name = message.slice(message.lastIndexOf('.') + 1);
    return special[name]?.(value) ?? this.#either(name, message, value);
  }

  /** Parts of a JSON schema that are a schema or something simpler. */
  #either(name: string, message: string, value: unknown): Buffer {
    const inner = `${message.slice(0, message.lastIndexOf('.'))}.JSONSchemaProps`;
    const schema = (field: number, item: unknown): Buffer =>
      tagged(field, bytesType, sized(this.#message(this.#messages.get(inner), isObject(item) ? item : {})));
    if (name === 'JSONSchemaPropsOrBool')
      return typeof value === 'boolean' ? tagged(1, 0, integer(value ? 1 : 0)) : schema(2, value);
    if (name === 'JSONSchemaPropsOrArray')
      return Array.isArray(value) ? Buffer.concat(value.map((item) => schema(2, item))) : schema(1, value);
    if (name === 'JSONSchemaPropsOrStringArray')
      return Array.isArray(value) ? Buffer.concat(value.map((item) => text(2, item))) : schema(1, value);
    return this.#message(this.#messages.get(message), isObject(value) ? value : {});
  }
}
