import type {
  JobSpec,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyOnPodConditionsPattern,
  PodFailurePolicyRule,
  SuccessPolicyRule,
} from '../../api/generated/batch-v1.ts';
import { readIndexes } from './completion-indexes.ts';
import { duplicate, invalid, quote, required, tooLong, tooMany, unsupported } from './field-error.ts';
import { qualifiedNameProblems } from './names.ts';
import { validateNonNegative } from './probe-validation.ts';
import type { FieldError } from './strategy.ts';

/** What a Job does about pods that fail, and when it has succeeded: the rules of both. */

const maxRules = 20;
const maxExitCodes = 255;
const maxPodConditions = 20;
const maxSucceededIndexesBytes = 64 * 1024;
const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const statuses = ['False', 'True', 'Unknown'];
const operators = ['In', 'NotIn'];

const validValues = (values: readonly string[]): string => `valid values: [${values.map(quote).join(' ')}]`;

/** An error about the whole of a structure, which is not shown. */
const wrong = (field: string, detail: string): FieldError => ({
  reason: 'FieldValueInvalid',
  field,
  message: `Invalid value: ${detail}`,
});

function validateChoice(
  value: string | undefined,
  field: string,
  supported: readonly string[],
): FieldError[] {
  if ((value ?? '') === '') return [required(field, validValues(supported))];
  return supported.includes(value ?? '') ? [] : [unsupported(field, value, supported)];
}

export function validatePodFailurePolicy(spec: JobSpec, field: string): FieldError[] {
  const rules = spec.podFailurePolicy?.rules ?? [];
  const path = `${field}.rules`;
  const errors = rules.length > maxRules ? [tooMany(path, rules.length, maxRules)] : [];
  return [...errors, ...rules.flatMap((rule, index) => validateFailureRule(spec, rule, `${path}[${index}]`))];
}

function validateFailureRule(spec: JobSpec, rule: PodFailurePolicyRule, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (rule.action === 'FailIndex' && spec.backoffLimitPerIndex === undefined)
    errors.push(invalid(`${field}.action`, rule.action, 'requires the backoffLimitPerIndex to be set'));
  else errors.push(...validateChoice(rule.action, `${field}.action`, actions));
  const conditions = rule.onPodConditions ?? [];
  if (rule.onExitCodes !== undefined)
    errors.push(...validateExitCodes(spec, rule.onExitCodes, `${field}.onExitCodes`));
  if (conditions.length > 0) errors.push(...validateConditions(conditions, `${field}.onPodConditions`));
  if (rule.onExitCodes !== undefined && conditions.length > 0)
    errors.push(wrong(field, 'specifying both OnExitCodes and OnPodConditions is not supported'));
  if (rule.onExitCodes === undefined && conditions.length === 0)
    errors.push(wrong(field, 'specifying one of OnExitCodes and OnPodConditions is required'));
  return errors;
}

function validateConditions(
  patterns: readonly PodFailurePolicyOnPodConditionsPattern[],
  field: string,
): FieldError[] {
  const errors =
    patterns.length > maxPodConditions ? [tooMany(field, patterns.length, maxPodConditions)] : [];
  for (const [index, { type, status }] of patterns.entries()) {
    for (const problem of qualifiedNameProblems(type))
      errors.push(invalid(`${field}[${index}].type`, type, problem));
    errors.push(...validateChoice(status, `${field}[${index}].status`, statuses));
  }
  return errors;
}

function validateExitCodes(
  { template }: JobSpec,
  { operator, containerName, values: written }: PodFailurePolicyOnExitCodesRequirement,
  field: string,
): FieldError[] {
  // Left out, a list that is needed is null.
  const values = written ?? [];
  const errors = validateChoice(operator, `${field}.operator`, operators);
  const containers = [...(template.spec?.containers ?? []), ...(template.spec?.initContainers ?? [])];
  if (containerName !== undefined && !containers.some(({ name }) => name === containerName))
    errors.push(
      invalid(
        `${field}.containerName`,
        containerName,
        'must be one of the container or initContainer names in the pod template',
      ),
    );
  const path = `${field}.values`;
  if (values.length === 0) errors.push(invalid(path, values, 'at least one value is required'));
  if (values.length > maxExitCodes) errors.push(tooMany(path, values.length, maxExitCodes));
  for (const [index, value] of values.entries()) {
    if (operator === 'In' && value === 0)
      errors.push(invalid(`${path}[${index}]`, value, 'must not be 0 for the In operator'));
    if (values.indexOf(value) < index) errors.push(duplicate(`${path}[${index}]`, value));
  }
  if (values.some((value, index) => value < (values[index - 1] ?? value)))
    errors.push(invalid(path, values, 'must be ordered'));
  return errors;
}

export function validateSuccessPolicy(spec: JobSpec, field: string): FieldError[] {
  const rules = spec.successPolicy?.rules ?? [];
  const path = `${field}.rules`;
  const errors: FieldError[] = [];
  if (rules.length === 0)
    errors.push(required(path, 'at least one rules must be specified when the successPolicy is specified'));
  if (rules.length > maxRules) errors.push(tooMany(path, rules.length, maxRules));
  // Without completions that is the error to be told; nothing can be said of indexes then.
  const { completions } = spec;
  if (completions === undefined) return errors;
  return [
    ...errors,
    ...rules.flatMap((rule, index) => validateSuccessRule(rule, completions, `${path}[${index}]`)),
  ];
}

function validateSuccessRule(
  { succeededCount: count, succeededIndexes: indexes }: SuccessPolicyRule,
  completions: number,
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (count === undefined && indexes === undefined)
    errors.push(required(field, 'at least one of succeededCount or succeededIndexes must be specified'));
  const read = readIndexes(indexes ?? '', completions);
  if (indexes !== undefined) {
    const path = `${field}.succeededIndexes`;
    if (Buffer.byteLength(indexes) > maxSucceededIndexesBytes)
      errors.push(tooLong(path, maxSucceededIndexesBytes));
    if ('problem' in read)
      errors.push(invalid(path, indexes, `error parsing succeededIndexes: ${read.problem}`));
  }
  if (count === undefined) return errors;
  const path = `${field}.succeededCount`;
  errors.push(...validateNonNegative(count, path));
  const atMost = (limit: number, what: string): FieldError =>
    invalid(path, count, `must be less than or equal to ${limit} (the number of ${what})`);
  if (count > completions) errors.push(atMost(completions, 'specified completions'));
  const named = 'count' in read ? read.count : 0;
  if (indexes !== undefined && count > named)
    errors.push(atMost(named, 'indexes in the specified succeededIndexes field'));
  return errors;
}
