import { type JsonSchema, schemaFacts } from '../decode/schema.ts';
import { aboutDefinition, aboutField } from './descriptions.ts';

/** Any JSON value: parts of documents have no types of their own. */
export type JsonObject = Readonly<Record<string, unknown>>;

const prefix = '#/components/schemas/';

export const referenceTo = (definition: string): JsonObject => ({ $ref: `${prefix}${definition}` });

/** Beside a `$ref` nothing else counts in OpenAPI 3.0: what stands there is moved out by `allOf`. */
function toOpenApi(schema: JsonSchema): JsonObject {
  const { $ref, items, properties, additionalProperties, ...rest } = schema;
  const converted: JsonObject = {
    ...rest,
    ...(items === undefined ? {} : { items: toOpenApi(items) }),
    ...(additionalProperties === undefined ? {} : { additionalProperties: toOpenApi(additionalProperties) }),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, property]) => [name, toOpenApi(property)]),
          ),
        }),
  };
  if ($ref === undefined) return converted;
  const reference = referenceTo($ref);
  return Object.keys(converted).length === 0 ? reference : { allOf: [reference], ...converted };
}

function* referencesOf(schema: JsonSchema): Generator<string> {
  if (schema.$ref !== undefined) yield schema.$ref;
  if (schema.items !== undefined) yield* referencesOf(schema.items);
  if (schema.additionalProperties !== undefined) yield* referencesOf(schema.additionalProperties);
  for (const property of Object.values(schema.properties ?? {})) yield* referencesOf(property);
}

/** With what `kubectl explain` shows of it, and of its fields. */
function described(name: string, schema: JsonSchema): JsonSchema {
  const about = aboutDefinition(name);
  const { properties } = schema;
  const isObject = schema['x-kubernetes-group-version-kind'] !== undefined;
  const texts = Object.entries(properties ?? {}).map(([field, property]): [string, JsonSchema] => {
    const description = aboutField(name, field, isObject);
    return [field, description === undefined ? property : { description, ...property }];
  });
  return {
    ...(about === undefined ? {} : { description: about }),
    ...schema,
    ...(properties === undefined ? {} : { properties: Object.fromEntries(texts) }),
  };
}

/** The given definitions and all that they refer to, by name. */
export function componentSchemas(definitions: Iterable<string>): JsonObject {
  const wanted = new Set(definitions);
  for (const definition of wanted) {
    const schema = schemaFacts.get(definition);
    if (schema === undefined) wanted.delete(definition);
    // A set gives out what is added while it is walked.
    else for (const reference of referencesOf(schema)) wanted.add(reference);
  }
  const names = [...wanted].sort();
  return Object.fromEntries(
    names.map((name) => [name, toOpenApi(described(name, schemaFacts.get(name) ?? {}))]),
  );
}
