import type { AnyObject } from '../../api/kind-info.ts';
import type { StatusError } from '../../api/status-error.ts';
import type { FieldError, KindStrategy } from '../registry/strategy.ts';

/** Who writes fields, for `managedFields`. */
export interface FieldWriter {
  readonly fieldManager: string;
  readonly subresource: string;
  readonly nowMs: number;
}

/** What the generic flow needs of the kinds' pure semantics beside their strategies. */
export interface Semantics {
  /** 422 with all causes. */
  invalid(strategy: KindStrategy, name: string, errors: readonly FieldError[]): StatusError;
  /** Records in `next.metadata.managedFields` what this write sets. Mutates `next`. */
  trackFields(
    strategy: KindStrategy,
    next: AnyObject,
    current: AnyObject | undefined,
    writer: FieldWriter,
  ): void;
}
