import table from './descriptions.json' with { type: 'json' };

/** What is said of a definition. */
export interface Description {
  /** Another definition whose texts count where this one has none. */
  readonly like?: string;
  readonly about: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** Our own words, by definition: the facts have no prose. */
export const descriptions: ReadonlyMap<string, Description> = new Map<string, Description>(
  Object.entries(table.definitions),
);

/** Of fields that mean the same wherever they stand. */
export const generalDescriptions: ReadonlyMap<string, string> = new Map(Object.entries(table.general));
/** Of fields that whole objects and lists have. */
export const objectDescriptions: ReadonlyMap<string, string> = new Map(Object.entries(table.objects));

const condition = 'io.k8s.apimachinery.pkg.apis.meta.v1.Condition';

export function aboutDefinition(definition: string): string | undefined {
  const about = descriptions.get(definition)?.about;
  return about ?? (definition.endsWith('Condition') ? descriptions.get(condition)?.about : undefined);
}

/** `isObject`: the definition is that of a kind, and no part of one. */
export function aboutField(definition: string, field: string, isObject: boolean): string | undefined {
  let name: string | undefined = definition;
  while (name !== undefined) {
    const found: Description | undefined = descriptions.get(name);
    if (found !== undefined && Object.hasOwn(found.fields, field)) return found.fields[field];
    name = found?.like;
  }
  const own = isObject ? objectDescriptions.get(field) : undefined;
  if (own !== undefined) return own;
  const isCondition = definition.endsWith('Condition') && definition !== condition;
  return isCondition ? aboutField(condition, field, false) : generalDescriptions.get(field);
}
