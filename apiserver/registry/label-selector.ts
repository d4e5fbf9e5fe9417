import type { LabelSelector } from '../../api/generated/meta-v1.ts';
import { forbidden, invalid, required } from './field-error.ts';
import { labelValueProblems, qualifiedNameProblems } from './names.ts';
import { validateLabels } from './object-meta.ts';
import type { FieldError } from './strategy.ts';

/** A selector in an object's spec. `keepsValues`: labels that cannot be stand in it already, and may stay. */
export function validateLabelSelector(
  selector: LabelSelector | undefined,
  field: string,
  { keepsValues = false }: { readonly keepsValues?: boolean } = {},
): FieldError[] {
  const errors = validateLabels(selector?.matchLabels, `${field}.matchLabels`);
  for (const [index, term] of (selector?.matchExpressions ?? []).entries()) {
    const path = `${field}.matchExpressions[${index}]`;
    const values = term.values ?? [];
    switch (term.operator) {
      case 'In':
      case 'NotIn':
        if (values.length === 0)
          errors.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
        break;
      case 'Exists':
      case 'DoesNotExist':
        if (values.length > 0)
          errors.push(
            forbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
          );
        break;
      default:
        errors.push(invalid(`${path}.operator`, term.operator, 'not a valid selector operator'));
    }
    for (const problem of qualifiedNameProblems(term.key))
      errors.push(invalid(`${path}.key`, term.key, problem));
    for (const [valueIndex, value] of keepsValues ? [] : values.entries())
      for (const problem of labelValueProblems(value))
        errors.push(invalid(`${path}.values[${valueIndex}]`, value, problem));
  }
  return errors;
}

export function isEmptySelector(selector: LabelSelector | undefined): boolean {
  return (
    Object.keys(selector?.matchLabels ?? {}).length === 0 && (selector?.matchExpressions ?? []).length === 0
  );
}

/** Does a selector that is stored hold what a new one could not? */
export const isWrongSelector = (selector: LabelSelector | undefined): boolean =>
  validateLabelSelector(selector, '').length > 0;
