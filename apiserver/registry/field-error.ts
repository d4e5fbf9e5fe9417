import { type ResourceName, StatusError } from '../../api/status-error.ts';
import type { FieldError } from './strategy.ts';

/** A value as an error message shows it: text quoted, everything else as JSON. */
function show(value: unknown): string {
  if (value === undefined) return 'null';
  if (typeof value === 'string') return quote(value);
  return JSON.stringify(value);
}

/** Quoted as Go's %q quotes it. */
export function quote(text: string): string {
  return JSON.stringify(text);
}

const because = (label: string, detail: string): string => (detail === '' ? label : `${label}: ${detail}`);

export function required(field: string, detail = ''): FieldError {
  return { reason: 'FieldValueRequired', field, message: because('Required value', detail) };
}

export function invalid(field: string, value: unknown, detail: string): FieldError {
  return { reason: 'FieldValueInvalid', field, message: because(`Invalid value: ${show(value)}`, detail) };
}

export function forbidden(field: string, detail: string): FieldError {
  return { reason: 'FieldValueForbidden', field, message: because('Forbidden', detail) };
}

export function duplicate(field: string, value: unknown): FieldError {
  return { reason: 'FieldValueDuplicate', field, message: `Duplicate value: ${show(value)}` };
}

export function notFoundValue(field: string, value: unknown): FieldError {
  return { reason: 'FieldValueNotFound', field, message: `Not found: ${show(value)}` };
}

/** Says the limit only: the value is too long to be shown. */
export function tooLong(field: string, maxLength: number): FieldError {
  return {
    reason: 'FieldValueTooLong',
    field,
    message: `Too long: may not be more than ${maxLength} bytes`,
  };
}

export function tooMany(field: string, actual: number, max: number): FieldError {
  return {
    reason: 'FieldValueTooMany',
    field,
    message: `Too many: ${actual}: must have at most ${max} ${max === 1 ? 'item' : 'items'}`,
  };
}

/** @param supported shown in this order */
export function unsupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const list = supported.map(quote).join(', ');
  return {
    reason: 'FieldValueNotSupported',
    field,
    message: `Unsupported value: ${show(value)}: supported values: ${list}`,
  };
}

/** `supported values` are told in alphabetical order by most of Kubernetes' checks. */
export function unsupportedSorted(field: string, value: unknown, supported: readonly string[]): FieldError {
  return unsupported(field, value, [...supported].sort());
}

/** Nothing when the value is one of those. An absent value is the caller's concern. */
export function oneOf(field: string, value: string | undefined, supported: readonly string[]): FieldError[] {
  return supported.includes(value ?? '') ? [] : [unsupportedSorted(field, value ?? '', supported)];
}

/** 422 with every cause; several are listed in brackets, and a message said twice is said once. */
export function invalidError(
  type: Pick<ResourceName, 'group'> & { readonly kind: string },
  name: string,
  errors: readonly FieldError[],
): StatusError {
  const texts = [...new Set(errors.map((error) => `${error.field}: ${error.message}`))];
  const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  // Both event APIs are checked as the core kind.
  const group = type.kind === 'Event' ? '' : type.group;
  const qualifiedKind = group === '' ? type.kind : `${type.kind}.${group}`;
  return new StatusError({
    reason: 'Invalid',
    code: 422,
    message: `${qualifiedKind} ${quote(name)} is invalid: ${list}`,
    details: {
      ...(name === '' ? {} : { name }),
      ...(group === '' ? {} : { group }),
      kind: type.kind,
      causes: errors.map(({ reason, message, field }) => ({ reason, message, field })),
    },
  });
}
