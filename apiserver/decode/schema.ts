import additions from '../../api/facts/additions.json' with { type: 'json' };
import devices from '../../api/facts/dynamic-resources.json' with { type: 'json' };
import facts from '../../api/facts/schemas.json' with { type: 'json' };
import { invariant } from '../../base/invariant.ts';
import { type Presence, presenceOf } from './presence.ts';

/** What a field may hold. Compiled once per definition, and shared by all who refer to it. */
export type SchemaType = ScalarType | ListType | MapType | StructType;

export type ScalarKind =
  | 'string'
  | 'int32'
  | 'int64'
  | 'number'
  | 'boolean'
  | 'bytes'
  | 'quantity'
  | 'intOrString'
  | 'time'
  | 'microTime'
  | 'raw';

export interface ScalarType {
  readonly kind: ScalarKind;
  /** The type as Go's JSON errors name it. */
  readonly goType: string;
}

export interface ListType {
  readonly kind: 'list';
  readonly goType: string;
  readonly items: SchemaType;
  readonly listType: 'atomic' | 'set' | 'map';
  /** Keys of a `map` list, in order. */
  readonly mapKeys: readonly string[];
}

export interface MapType {
  readonly kind: 'map';
  readonly goType: string;
  readonly values: SchemaType;
  /** Owned and replaced as a whole by server-side apply. */
  readonly atomic: boolean;
}

export interface StructType {
  readonly kind: 'struct';
  readonly goType: string;
  /** `Container`: without its package. */
  readonly goName: string;
  readonly definition: string;
  readonly fields: ReadonlyMap<string, SchemaField>;
  /** Fields that are written even when absent. */
  readonly always: readonly SchemaField[];
  readonly atomic: boolean;
}

export interface SchemaField {
  readonly name: string;
  readonly type: SchemaType;
  readonly presence: Presence;
  /** Scalar default of the schema that is no zero; undefined when there is none. */
  readonly defaultValue: unknown;
  readonly required: boolean;
  /** Strategic merge patch: `merge`, `replace`, `retainKeys`. */
  readonly patchStrategies: readonly string[];
  readonly patchMergeKey: string;
}

/** A definition in `api/facts/schemas.json`: OpenAPI with Kubernetes' extensions. */
export interface JsonSchema {
  /** The facts have none. */
  readonly description?: string;
  readonly type?: string;
  readonly format?: string;
  readonly $ref?: string;
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema;
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: string;
  readonly 'x-kubernetes-patch-strategy'?: string;
  readonly 'x-kubernetes-patch-merge-key'?: string;
  readonly 'x-kubernetes-group-version-kind'?: readonly {
    readonly group: string;
    readonly version: string;
    readonly kind: string;
  }[];
}

export const schemaFacts: ReadonlyMap<string, JsonSchema> = new Map(
  Object.entries({ ...facts.schemas, ...additions.schemas, ...devices.schemas } as Readonly<
    Record<string, JsonSchema>
  >),
);

const scalars: ReadonlyMap<string, ScalarType> = new Map<string, ScalarType>([
  ['io.k8s.apimachinery.pkg.api.resource.Quantity', { kind: 'quantity', goType: 'resource.Quantity' }],
  ['io.k8s.apimachinery.pkg.util.intstr.IntOrString', { kind: 'intOrString', goType: 'intstr.IntOrString' }],
  ['io.k8s.apimachinery.pkg.apis.meta.v1.Time', { kind: 'time', goType: 'v1.Time' }],
  ['io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime', { kind: 'microTime', goType: 'v1.MicroTime' }],
]);
const raw: ScalarType = { kind: 'raw', goType: 'interface {}' };
/** Definitions without properties that are structs and not free JSON. */
const emptyStructs = new Set(['CustomResourceSubresourceStatus']);

function scalarOf(schema: JsonSchema): ScalarType {
  switch (schema.type) {
    case 'string':
      return schema.format === 'byte'
        ? { kind: 'bytes', goType: '[]uint8' }
        : { kind: 'string', goType: 'string' };
    case 'integer':
      return schema.format === 'int64'
        ? { kind: 'int64', goType: 'int64' }
        : { kind: 'int32', goType: 'int32' };
    case 'number':
      return { kind: 'number', goType: 'float64' };
    case 'boolean':
      return { kind: 'boolean', goType: 'bool' };
    default:
      return raw;
  }
}

interface MutableStruct extends StructType {
  fields: Map<string, SchemaField>;
  always: SchemaField[];
}

/** Compiles definitions on first use. Definitions may refer to themselves. */
export class Schemas {
  readonly #compiled = new Map<string, SchemaType>();

  /** @param definition name in `api/facts/schemas.json` */
  struct(definition: string): StructType {
    const type = this.#definition(definition);
    invariant(type.kind === 'struct', `schema ${definition} is a struct`);
    return type;
  }

  #definition(name: string): SchemaType {
    const known = this.#compiled.get(name) ?? scalars.get(name);
    if (known !== undefined) return known;
    const schema = schemaFacts.get(name);
    invariant(schema !== undefined, `schema ${name} exists`);
    const [version = '', goName = ''] = name.split('.').slice(-2);
    if (schema.properties === undefined && !emptyStructs.has(goName)) {
      const type = schema.additionalProperties === undefined ? raw : this.#type(schema);
      this.#compiled.set(name, type);
      return type;
    }
    const struct: MutableStruct = {
      kind: 'struct',
      goType: `${version}.${goName}`,
      goName,
      definition: name,
      fields: new Map(),
      always: [],
      atomic: schema['x-kubernetes-map-type'] === 'atomic',
    };
    this.#compiled.set(name, struct);
    for (const [field, property] of Object.entries(schema.properties ?? {})) {
      const compiled = this.#field(struct, field, property, schema.required?.includes(field) ?? false);
      struct.fields.set(field, compiled);
      if (compiled.presence === 'always') struct.always.push(compiled);
    }
    return struct;
  }

  #type(schema: JsonSchema): SchemaType {
    if (schema.$ref !== undefined) return this.#definition(schema.$ref);
    if (schema.type === 'array') {
      const items = this.#type(schema.items ?? {});
      const listType = schema['x-kubernetes-list-type'];
      return {
        kind: 'list',
        goType: `[]${items.goType}`,
        items,
        listType: listType === 'map' || listType === 'set' ? listType : 'atomic',
        mapKeys: schema['x-kubernetes-list-map-keys'] ?? [],
      };
    }
    if (schema.additionalProperties !== undefined) {
      const values = this.#type(schema.additionalProperties);
      const atomic = schema['x-kubernetes-map-type'] === 'atomic';
      return { kind: 'map', goType: `map[string]${values.goType}`, values, atomic };
    }
    return scalarOf(schema);
  }

  #field(struct: StructType, name: string, schema: JsonSchema, required: boolean): SchemaField {
    const declared = this.#type(schema);
    const atomicHere = schema['x-kubernetes-map-type'] === 'atomic';
    const type = declared.kind === 'struct' && atomicHere ? { ...declared, atomic: true } : declared;
    const zeroDefault = schema.default === '' || schema.default === 0 || schema.default === false;
    const presence = presenceOf({
      struct: struct.goName,
      name,
      kind: type.kind,
      required,
      hasDefault: schema.default !== undefined,
      zeroDefault,
    });
    return {
      name,
      type,
      presence,
      defaultValue: zeroDefault || typeof schema.default === 'object' ? undefined : schema.default,
      required,
      patchStrategies: (schema['x-kubernetes-patch-strategy'] ?? '').split(',').filter((part) => part !== ''),
      patchMergeKey: schema['x-kubernetes-patch-merge-key'] ?? '',
    };
  }
}

/** What Go writes for the zero value of a type. */
export function emptyValue(type: SchemaType): unknown {
  switch (type.kind) {
    case 'struct':
      return emptyStruct(type);
    case 'string':
    case 'bytes':
      return '';
    case 'int32':
    case 'int64':
    case 'number':
    case 'intOrString':
      return 0;
    case 'boolean':
      return false;
    case 'quantity':
      return '0';
    case 'list':
      // A pod without containers is refused, but what stands in between may count them.
      return type.items.kind === 'struct' && type.items.goName === 'Container' ? [] : null;
    default:
      return null;
  }
}

export function emptyStruct(type: StructType): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const field of type.always) object[field.name] = emptyValue(field.type);
  return object;
}
