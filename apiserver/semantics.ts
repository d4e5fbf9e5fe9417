import { updateManagedFields } from './patch/apply/managed-fields.ts';
import { invalidError } from './registry/field-error.ts';
import type { Semantics } from './store/semantics.ts';

/** The kinds' semantics as the store needs them. */
export const kindSemantics: Semantics = {
  invalid: (strategy, name, errors) => invalidError(strategy.kind, name, errors),
  trackFields: updateManagedFields,
};
