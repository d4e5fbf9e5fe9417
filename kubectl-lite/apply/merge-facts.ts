import additions from '../../api/facts/additions.json' with { type: 'json' };
import devices from '../../api/facts/dynamic-resources.json' with { type: 'json' };
import facts from '../../api/facts/schemas.json' with { type: 'json' };

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly 'x-kubernetes-patch-merge-key'?: string;
  readonly 'x-kubernetes-patch-strategy'?: string;
  readonly 'x-kubernetes-map-type'?: string;
}

/** How a field is merged by a strategic merge patch. */
export interface FieldFacts {
  /** Of the field's value, or of its elements when it is a list. Undefined below what has no schema. */
  readonly schema: Schema | undefined;
  /** The key by which elements of a list are told apart; `''` for a merged list of plain values. */
  readonly mergeKey: string | undefined;
  /** `replace`: the value is written whole. */
  readonly replaces: boolean;
  /** `retainKeys`: keys that the patch does not name are taken away, as for a deployment's strategy or a volume. */
  readonly retainsKeys: boolean;
}

const schemas: Readonly<Record<string, Schema>> = {
  ...(facts.schemas as Readonly<Record<string, Schema>>),
  ...additions.schemas,
  ...devices.schemas,
};

export function schemaOf(definition: string): Schema | undefined {
  return schemas[definition];
}

export function fieldFacts(parent: Schema | undefined, field: string): FieldFacts {
  const declared = parent?.properties?.[field];
  const additional = parent?.additionalProperties;
  const schema = declared ?? (typeof additional === 'object' ? additional : undefined);
  const strategies = (declared?.['x-kubernetes-patch-strategy'] ?? '').split(',');
  const value = schema?.items ?? schema;
  return {
    schema: value?.$ref === undefined ? value : schemas[value.$ref],
    mergeKey: strategies.includes('merge') ? (declared?.['x-kubernetes-patch-merge-key'] ?? '') : undefined,
    replaces: strategies.includes('replace'),
    retainsKeys: strategies.includes('retainKeys'),
  };
}
