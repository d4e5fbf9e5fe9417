import type { Condition } from '../../api/generated/meta-v1.ts';
import { duplicate, invalid, required, tooLong, unsupported } from './field-error.ts';
import { qualifiedNameProblems } from './names.ts';
import type { FieldError } from './strategy.ts';

const maxReason = 1024;
const maxMessage = 32 * 1024;
const reasonPattern = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?';
const reasonForm = new RegExp(`^${reasonPattern}$`);
const reasonText = `a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '${reasonPattern}')`;
/** In no order in Kubernetes, which keeps them in a set. */
const statuses = ['False', 'True', 'Unknown'];

/** Conditions of meta/v1: each type once, with a reason. */
export function validateConditions(conditions: readonly Condition[] = [], field: string): FieldError[] {
  const seen = new Set<string>();
  return conditions.flatMap((condition, index) => {
    const errors: FieldError[] = [];
    if (seen.has(condition.type)) errors.push(duplicate(`${field}[${index}].type`, condition.type));
    seen.add(condition.type);
    return [...errors, ...validateCondition(condition, `${field}[${index}]`)];
  });
}

function validateCondition(condition: Condition, field: string): FieldError[] {
  const { type, status, reason = '', message = '', lastTransitionTime = '', observedGeneration } = condition;
  const errors = qualifiedNameProblems(type).map((problem) => invalid(`${field}.type`, type, problem));
  if (!statuses.includes(status)) errors.push(unsupported(`${field}.status`, status, statuses));
  if (observedGeneration !== undefined && observedGeneration < 0)
    errors.push(
      invalid(`${field}.observedGeneration`, observedGeneration, 'must be greater than or equal to zero'),
    );
  if (lastTransitionTime === '') errors.push(required(`${field}.lastTransitionTime`, 'must be set'));
  if (reason === '') errors.push(required(`${field}.reason`, 'must be set'));
  else if (!reasonForm.test(reason)) errors.push(invalid(`${field}.reason`, reason, reasonText));
  if (reason.length > maxReason) errors.push(tooLong(`${field}.reason`, maxReason));
  if (Buffer.byteLength(message) > maxMessage) errors.push(tooLong(`${field}.message`, maxMessage));
  return errors;
}
