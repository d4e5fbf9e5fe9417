import facts from '../../../api/facts/protobuf-fields.json' with { type: 'json' };
import { invariant } from '../../../base/invariant.ts';
import type { Presence } from '../presence.ts';
import { type SchemaField, type Schemas, type StructType, schemaFacts } from '../schema.ts';
import { eitherMessages } from './special-messages.ts';
import { wireBytes, wireFixed64, wireVarint } from './wire.ts';

export type ProtobufScalar = 'string' | 'bytes' | 'bool' | 'int32' | 'int64' | 'double';

export type ProtobufType =
  | { readonly kind: ProtobufScalar }
  | { readonly kind: 'message'; readonly message: string }
  | { readonly kind: 'map'; readonly values: ProtobufType };

/** The wire type of a value of each kind. */
export const wireTypes: Readonly<Record<ProtobufType['kind'], number>> = {
  string: wireBytes,
  bytes: wireBytes,
  message: wireBytes,
  map: wireBytes,
  bool: wireVarint,
  int32: wireVarint,
  int64: wireVarint,
  double: wireFixed64,
};

export interface ProtobufField {
  /** JSON name. */
  readonly name: string;
  readonly type: ProtobufType;
  readonly repeated: boolean;
  readonly presence: Presence;
  /** Go holds it by value, so that it is on the wire also when it is zero or absent. */
  readonly byValue: boolean;
  /** Its fields stand in the JSON object around it; then compiled with the struct of that object. */
  readonly inlined: ProtobufMessage | undefined;
}

export interface ProtobufMessage {
  readonly name: string;
  readonly fields: ReadonlyMap<number, ProtobufField>;
}

/** By message: `[number, JSON name, type, repeated]`. */
const messageFacts: ReadonlyMap<string, readonly (readonly (string | number | boolean)[])[]> = new Map(
  Object.entries(facts.messages),
);

export const hasMessage = (message: string): boolean => messageFacts.has(message);

/** `io.k8s.api.core.v1.Pod` -> `k8s.io.api.core.v1.Pod` */
export const messageNameOf = (definition: string): string =>
  definition.replace(/^io\.k8s\./, 'k8s.io.').replaceAll('-', '_');

const definitionOf = (message: string): string =>
  message.replace(/^k8s\.io\./, 'io.k8s.').replaceAll('_', '-');

const scalars: ReadonlySet<string> = new Set(['string', 'bytes', 'bool', 'int32', 'int64', 'double']);
const isScalar = (type: string): type is ProtobufScalar => scalars.has(type);
const mapPrefix = 'map<string,';

/** Names within a package are relative to it; a leading dot says that a name is not. */
function typeOf(text: string, inside: string): ProtobufType {
  if (text.startsWith(mapPrefix))
    return { kind: 'map', values: typeOf(text.slice(mapPrefix.length, -1), inside) };
  if (isScalar(text)) return { kind: text };
  if (text.includes('.')) return { kind: 'message', message: text.replace(/^\./, '') };
  return { kind: 'message', message: `${inside.slice(0, inside.lastIndexOf('.'))}.${text}` };
}

/** By value, and left out of JSON when zero: no message but this one is so. */
const creationTimestamp = 'k8s.io.apimachinery.pkg.apis.meta.v1.ObjectMeta.creationTimestamp';

/** Absent bytes are nil, and nil is left out. */
function isByValue(type: ProtobufType, schema: SchemaField | undefined): boolean {
  if (schema === undefined || type.kind === 'bytes' || type.kind === 'map') return false;
  if (schema.presence === 'always') return true;
  return schema.presence === 'omitempty' && type.kind !== 'message';
}

const letters = (name: string): string => name.replace(/[$-]/g, '').toLowerCase();

/** The generator of the messages made `uID` of `uid` and `xKubernetesMapType` of `x-kubernetes-map-type`. */
function schemaFieldOf(struct: StructType, name: string): SchemaField | undefined {
  const exact = struct.fields.get(name);
  if (exact !== undefined) return exact;
  const wanted = letters(name);
  for (const field of struct.fields.values()) if (letters(field.name) === wanted) return field;
  return undefined;
}

/** Messages, compiled when they are first met. */
export class ProtobufMessages {
  readonly #schemas: Schemas;
  readonly #compiled = new Map<string, ProtobufMessage>();

  constructor(schemas: Schemas) {
    this.#schemas = schemas;
  }

  get(message: string): ProtobufMessage {
    const known = this.#compiled.get(message);
    if (known !== undefined) return known;
    const definition = definitionOf(message);
    const isStruct = schemaFacts.has(definition) && !eitherMessages.has(message);
    const compiled = this.#compile(message, isStruct ? this.#schemas.struct(definition) : undefined);
    this.#compiled.set(message, compiled);
    return compiled;
  }

  #compile(message: string, struct: StructType | undefined): ProtobufMessage {
    const fields = messageFacts.get(message);
    invariant(fields !== undefined, `message ${message} is known`);
    return {
      name: message,
      fields: new Map(
        fields.map(([number, name, type, repeated]) => {
          const written = String(name);
          const schema = struct === undefined ? undefined : schemaFieldOf(struct, written);
          const compiled = typeOf(String(type), message);
          const isInlined = struct !== undefined && schema === undefined && compiled.kind === 'message';
          return [
            Number(number),
            {
              name: schema?.name ?? written,
              type: compiled,
              repeated: repeated === true,
              presence: schema?.presence ?? 'pointer',
              byValue: isByValue(compiled, schema) || `${message}.${written}` === creationTimestamp,
              inlined: isInlined ? this.#compile(compiled.message, struct) : undefined,
            },
          ];
        }),
      ),
    };
  }
}
