import type { AnyObject, KindInfo } from '../../api/kind-info.ts';
import type { StructType } from '../decode/schema.ts';

/** One refusal, as Kubernetes' field.Error prints it: `field: message`. */
export interface FieldError {
  /** FieldValueRequired, FieldValueInvalid, FieldValueNotSupported, FieldValueForbidden, FieldValueDuplicate, ... */
  readonly reason: string;
  /** Path as in `spec.template.spec.containers[0].image`. */
  readonly field: string;
  /** Without the field: `Required value`, `Invalid value: "x": must ...`. */
  readonly message: string;
}

/** Who asks, and for what: all that a strategy may know of a request. */
export interface WriteContext {
  readonly user: UserInfo;
  readonly namespace: string;
  /** Empty for the main resource. */
  readonly subresource: string;
  readonly nowMs: number;
}

export interface UserInfo {
  readonly name: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/**
 * What one kind means: defaults, separation of spec and status, validation, columns. Pure; everything that is generic
 * (names, uid, timestamps, storing, admission) is done by the store around it.
 * Order of a create: setDefaults, admission, prepareForCreate, validateCreate. Of an update: setDefaults, admission,
 * prepareForUpdate, validateUpdate.
 */
export interface KindStrategy {
  readonly kind: KindInfo;
  /** Storage resource: `<group>/<plural>`, where group may be empty. */
  readonly resource: string;
  /** The type of its objects: for decoding, patching, field ownership. */
  readonly schema: StructType;
  /** For a kind that is a view of another stored version; absent when stored as it is. */
  readonly conversion?: StorageConversion | undefined;
  /** Mutates. Sets what Kubernetes' defaulting for this version sets, nothing else. */
  setDefaults(object: AnyObject): void;
  /** Mutates: drops status, sets generation 1 for kinds that count it, ... */
  prepareForCreate(object: AnyObject, context: WriteContext): void;
  /** Mutates `next`: keeps status (or, for the status subresource, everything else), counts generation. */
  prepareForUpdate(next: AnyObject, current: AnyObject, context: WriteContext): void;
  validateCreate(object: AnyObject, context: WriteContext): FieldError[];
  validateUpdate(next: AnyObject, current: AnyObject, context: WriteContext): FieldError[];
  /** For `Warning: 299` headers: deprecated fields, and fields that are stored but not carried out here, by name. */
  warnings(object: AnyObject, previous: AnyObject | undefined): string[];
  /** A warning on every answer, also to reads. */
  readonly deprecation?: string | undefined;
  /** Selectable fields beside metadata.name and metadata.namespace. */
  readonly selectableFields: ReadonlyMap<string, (object: AnyObject) => string>;
  /** May an update of an unknown name create it (PUT on leases, endpoints, ...)? */
  readonly allowCreateOnUpdate: boolean;
  /** May an update leave the resourceVersion out? */
  readonly allowUnconditionalUpdate: boolean;
  /** Grace period in seconds for a delete that names none; undefined: deleted at once. Only Pods have one. */
  gracePeriodSeconds(object: AnyObject, requested: number | undefined): number | undefined;
  readonly columns: readonly TableColumn[];
}

/** How one version of a kind is kept as another. Both functions return new objects. */
export interface StorageConversion {
  toStored(object: AnyObject): AnyObject;
  fromStored(stored: AnyObject): AnyObject;
}

/** A column of `kubectl get`. @see meta/v1 TableColumnDefinition */
export interface TableColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format: string;
  readonly description: string;
  /** 0 is always shown, 1 with `-o wide`. */
  readonly priority: number;
  cell(object: AnyObject, nowMs: number): unknown;
}
