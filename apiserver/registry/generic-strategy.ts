import { isDeepStrictEqual } from 'node:util';
import type { AnyObject, KindInfo } from '../../api/kind-info.ts';
import { emptyValue, type Schemas, type StructType } from '../decode/schema.ts';
import { columnDescriptions } from './column-descriptions.ts';
import { ageColumn, nameColumn } from './columns.ts';
import type { AnyKindRules, NameRule } from './kind-rules.ts';
import { dnsSubdomainName, pathSegmentName } from './names.ts';
import { validateMetaUpdate, validateObjectMeta } from './object-meta.ts';
import type { FieldError, KindStrategy, StorageConversion, TableColumn, WriteContext } from './strategy.ts';

/** The behaviour that all kinds share, around what the rules of one kind add. */
export class GenericStrategy implements KindStrategy {
  readonly kind: KindInfo;
  readonly resource: string;
  readonly conversion: StorageConversion | undefined;
  readonly selectableFields: ReadonlyMap<string, (object: AnyObject) => string>;
  readonly allowCreateOnUpdate: boolean;
  readonly allowUnconditionalUpdate: boolean;
  readonly columns: readonly TableColumn[];
  readonly deprecation: string | undefined;
  readonly #rules: AnyKindRules;
  readonly #schemas: Schemas;
  readonly #hasStatus: boolean;

  constructor(kind: KindInfo, rules: AnyKindRules, schemas: Schemas) {
    this.kind = kind;
    this.resource = rules.storedAs?.resource ?? `${kind.group}/${kind.plural}`;
    this.conversion = rules.storedAs?.conversion;
    this.selectableFields = new Map(Object.entries(rules.selectableFields ?? {}));
    this.allowCreateOnUpdate = rules.allowCreateOnUpdate ?? false;
    this.allowUnconditionalUpdate = rules.allowUnconditionalUpdate ?? true;
    this.deprecation = rules.deprecation;
    const described = columnDescriptions[kind.kind];
    this.columns = (rules.columns ?? [nameColumn, ageColumn]).map((column) => ({
      ...column,
      description: described?.[column.name] ?? column.description,
    }));
    this.#rules = rules;
    this.#schemas = schemas;
    this.#hasStatus = kind.subresources.some((subresource) => subresource.name === 'status');
  }

  get schema(): StructType {
    return this.#schemas.struct(this.kind.schema);
  }

  setDefaults(object: AnyObject): void {
    this.#rules.setDefaults?.(object);
  }

  prepareForCreate(object: AnyObject, context: WriteContext): void {
    if (this.#hasStatus && this.#rules.keepsStatusAtCreate !== true) this.#resetStatus(object);
    if (this.#rules.countsGeneration === true) object.metadata.generation = 1;
    this.#rules.prepareForCreate?.(object, context);
  }

  #resetStatus(object: AnyObject): void {
    const status = this.schema.fields.get('status');
    if (status?.presence === 'always') object['status'] = emptyValue(status.type);
    else delete object['status'];
  }

  prepareForUpdate(next: AnyObject, current: AnyObject, context: WriteContext): void {
    if (writesStatus(context)) this.#keepAllButStatus(next, current);
    else if (this.#hasStatus) copyField(next, current, 'status');
    this.#rules.prepareForUpdate?.(next, current, context);
    if (this.#rules.countsGeneration === true) this.#countGeneration(next, current, context);
  }

  #keepAllButStatus(next: AnyObject, current: AnyObject): void {
    const fields = new Set([...Object.keys(next), ...Object.keys(current)]);
    for (const field of fields)
      if (!['metadata', 'status', 'apiVersion', 'kind'].includes(field)) copyField(next, current, field);
  }

  #countGeneration(next: AnyObject, current: AnyObject, context: WriteContext): void {
    const generation = current.metadata.generation ?? 0;
    const describes = (this.#rules.countedMeta ?? []).some(
      (name) => !isDeepStrictEqual(next.metadata[name] ?? {}, current.metadata[name] ?? {}),
    );
    const changed = !writesStatus(context) && (describes || contentChanged(next, current));
    const counted = changed ? generation + 1 : generation;
    if (counted === 0) delete next.metadata.generation;
    else next.metadata.generation = counted;
  }

  validateCreate(object: AnyObject, context: WriteContext): FieldError[] {
    return [
      ...this.#validateMeta(object, this.#rules.nameRule ?? dnsSubdomainName),
      ...(this.#rules.validate?.(object, context) ?? []),
      ...(this.#rules.validateCreate?.(object) ?? []),
    ];
  }

  validateUpdate(next: AnyObject, current: AnyObject, context: WriteContext): FieldError[] {
    // Kubernetes checks this twice, for all kinds and for each, and tells every problem twice.
    const fixed = validateMetaUpdate(next.metadata, current.metadata);
    // A name cannot change: one that the rule of today would refuse is kept.
    const meta = [...this.#validateMeta(next, pathSegmentName), ...fixed, ...fixed];
    if (writesStatus(context))
      return [...meta, ...(this.#rules.validateStatus?.(next, current, context) ?? [])];
    return [
      ...meta,
      ...(this.#rules.validate?.(next, context, current) ?? []),
      ...(this.#rules.validateUpdate?.(next, current, context) ?? []),
    ];
  }

  #validateMeta(object: AnyObject, nameRule: NameRule): FieldError[] {
    return validateObjectMeta(object.metadata, { namespaced: this.kind.namespaced, nameRule });
  }

  warnings(object: AnyObject, previous: AnyObject | undefined): string[] {
    const warnings = this.#rules.warnings?.(object, previous) ?? [];
    return this.deprecation === undefined ? warnings : [this.deprecation, ...warnings];
  }

  gracePeriodSeconds(object: AnyObject, requested: number | undefined): number | undefined {
    return this.#rules.gracePeriodSeconds?.(object, requested);
  }
}

/** `approval` of a signing request is a part of its status. */
const writesStatus = ({ subresource }: WriteContext): boolean =>
  subresource === 'status' || subresource === 'approval';

function copyField(next: AnyObject, current: AnyObject, field: string): void {
  const value = current[field];
  if (value === undefined) delete next[field];
  else next[field] = value;
}

/** Whether anything but metadata and status differs. */
function contentChanged(next: AnyObject, current: AnyObject): boolean {
  const fields = new Set([...Object.keys(next), ...Object.keys(current)]);
  for (const field of fields) {
    if (field === 'metadata' || field === 'status') continue;
    if (!isDeepStrictEqual(next[field], current[field])) return true;
  }
  return false;
}
