import { invalidOptions, type OptionProblem, parseBool } from './option-values.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/** Query of a create, an update or a patch. @see meta/v1 CreateOptions, UpdateOptions, PatchOptions */
export interface WriteOptions {
  readonly dryRun: boolean;
  readonly fieldManager: string;
  readonly fieldValidation: FieldValidation;
  readonly force: boolean | undefined;
}

const fieldManagerLimitBytes = 128;
const defaults: WriteOptions = { dryRun: false, fieldManager: '', fieldValidation: 'Warn', force: undefined };

/** `kind` is the options' own kind, which errors name. `isApply`: only an apply patch may use force. */
export function parseWriteOptions(
  query: URLSearchParams,
  kind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions',
  isApply = false,
): WriteOptions {
  if (query.size === 0 && !isApply) return defaults;
  const problems: OptionProblem[] = [];
  const dryRun = query.getAll('dryRun').filter((value) => value !== '');
  problems.push(...dryRunProblems(dryRun));
  const force = query.has('force') ? parseBool(query.get('force')) : undefined;
  const fieldManager = query.get('fieldManager') ?? '';
  if (kind === 'PatchOptions' && !isApply && force !== undefined)
    problems.push({
      field: 'force',
      reason: 'FieldValueForbidden',
      message: 'Forbidden: may not be specified for non-apply patch',
    });
  if (isApply && fieldManager === '')
    problems.push({
      field: 'fieldManager',
      reason: 'FieldValueRequired',
      message: 'Required value: is required for apply patch',
    });
  problems.push(...fieldManagerProblems(fieldManager));
  const validation = query.get('fieldValidation') ?? '';
  if (!isFieldValidation(validation))
    problems.push({
      field: 'fieldValidation',
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: "${validation}": supported values: "", "Ignore", "Strict", "Warn"`,
    });
  if (problems.length > 0) throw invalidOptions(kind, problems);
  return {
    dryRun: dryRun.length > 0,
    fieldManager,
    fieldValidation: validation === '' ? 'Warn' : (validation as FieldValidation),
    force,
  };
}

const isFieldValidation = (value: string): boolean => ['', 'Ignore', 'Warn', 'Strict'].includes(value);

export function dryRunProblems(dryRun: readonly string[]): OptionProblem[] {
  if (dryRun.every((value) => value === 'All')) return [];
  return [
    {
      field: 'dryRun',
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${JSON.stringify(dryRun)}: supported values: "All"`,
    },
  ];
}

function fieldManagerProblems(fieldManager: string): OptionProblem[] {
  if (Buffer.byteLength(fieldManager) > fieldManagerLimitBytes)
    return [
      {
        field: 'fieldManager',
        reason: 'FieldValueTooLong',
        message: `Too long: may not be more than ${fieldManagerLimitBytes} bytes`,
      },
    ];
  const at = [...fieldManager].findIndex((char) => !/^[\P{C} ]$/u.test(char));
  if (at < 0) return [];
  return [
    {
      field: 'fieldManager',
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(fieldManager)}: should only contain printable characters`,
    },
  ];
}
