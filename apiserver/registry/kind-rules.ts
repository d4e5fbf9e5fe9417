import type { ApiObject, ResourceType } from '../../api/kind-info.ts';
import type { FieldError, StorageConversion, TableColumn, WriteContext } from './strategy.ts';

/**
 * All that is particular to one kind. What is left out is what most kinds do: names are DNS subdomains, status is
 * separate where the kind has that subresource, generation counts changes of everything but metadata and status.
 */
export interface KindRules<T extends ApiObject> {
  readonly type: ResourceType<T>;
  /** Mutates. */
  setDefaults?(object: T): void;
  /** Mutates, after the generic part has set status and generation. */
  prepareForCreate?(object: T, context: WriteContext): void;
  /** Mutates `next`, after the generic part has kept status. */
  prepareForUpdate?(next: T, current: T, context: WriteContext): void;
  /** Checked at every write of the main resource; `current` at a change, whose wrong values may stay as they are. */
  validate?(object: T, context: WriteContext, current?: T): FieldError[];
  /** What a new object may not have; follows `validate`. */
  validateCreate?(object: T): FieldError[];
  /** A warning on every answer. */
  readonly deprecation?: string;
  /** What a change of the main resource may not do; follows `validate`. */
  validateUpdate?(next: T, current: T, context: WriteContext): FieldError[];
  /** Instead of both when only the status is written. */
  validateStatus?(next: T, current: T, context: WriteContext): FieldError[];
  warnings?(object: T, previous: T | undefined): string[];
  /** Grace period in seconds of a delete; absent: deleted at once. */
  gracePeriodSeconds?(object: T, requested: number | undefined): number | undefined;
  readonly nameRule?: NameRule;
  /** Does metadata.generation count changes? */
  readonly countsGeneration?: boolean;
  /** Which changes of metadata count as well. */
  readonly countedMeta?: readonly ('annotations' | 'labels')[];
  /** Is status taken from the body of a create? Otherwise a new object has an empty one. */
  readonly keepsStatusAtCreate?: boolean;
  readonly allowCreateOnUpdate?: boolean;
  readonly allowUnconditionalUpdate?: boolean;
  readonly selectableFields?: Readonly<Record<string, FieldReader<T>['read']>>;
  readonly columns?: readonly KindColumn<T>[];
  /** Storage resource when another version of the kind is the stored one. */
  readonly storedAs?: StoredAs;
}

/** Problems of a name, as Kubernetes words them. `isPrefix` for generateName. */
export type NameRule = (name: string, isPrefix: boolean) => string[];

export interface FieldReader<T> {
  read(object: T): string;
}

/** A table column over a known kind. */
export interface KindColumn<T> extends Omit<TableColumn, 'cell'> {
  cell(object: T, nowMs: number): unknown;
}

/** The version that is stored, when this one is a view of it. */
export interface StoredAs {
  readonly resource: string;
  readonly conversion: StorageConversion;
}

/** One list of rules for all kinds: what stands in it is checked against its own type where it is declared. */
export type AnyKindRules = KindRules<ApiObject>;
