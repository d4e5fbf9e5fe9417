import type { StatusError } from '../../api/status-error.ts';
import { StatusError as ApiError, badRequest } from '../../api/status-error.ts';

export interface OptionProblem {
  readonly field: string;
  readonly reason: string;
  readonly message: string;
}

/** 422 for query options: `ListOptions.meta.k8s.io "" is invalid: ...`. */
export function invalidOptions(kind: string, problems: readonly OptionProblem[]): StatusError {
  const texts = problems.map(({ field, message }) => `${field}: ${message}`);
  const joined = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  return new ApiError({
    reason: 'Invalid',
    code: 422,
    message: `${kind}.meta.k8s.io "" is invalid: ${joined}`,
    details: {
      group: 'meta.k8s.io',
      kind,
      causes: problems.map(({ field, reason, message }) => ({ reason, message, field })),
    },
  });
}

/** As Kubernetes reads query booleans: `true` and `1` in any case, and a bare key. */
export function parseBool(value: string | null): boolean {
  if (value === null) return false;
  return value === '' || (value !== '0' && value.toLowerCase() !== 'false');
}

const integer = /^[+-]?\d+$/;

/** @throws StatusError 400 in the words of Go's parser. */
export function parseInteger(value: string | null): number | undefined {
  if (value === null || value === '') return undefined;
  if (!integer.test(value)) throw badRequest(`strconv.ParseInt: parsing "${value}": invalid syntax`);
  return Number(value);
}
