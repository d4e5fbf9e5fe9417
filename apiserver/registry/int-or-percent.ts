import { invalid } from './field-error.ts';
import { notNegative } from './probe-validation.ts';
import type { FieldError } from './strategy.ts';

type IntOrString = number | string;

const percentText =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

/** A number of things, or a share of them. */
export function validateIntOrPercent(value: IntOrString | undefined, field: string): FieldError[] {
  if (value === undefined) return [];
  if (typeof value === 'number') return value < 0 ? [invalid(field, value, notNegative)] : [];
  return /^[0-9]+%$/.test(value) ? [] : [invalid(field, value, percentText)];
}

export function validateAtMostAll(value: IntOrString | undefined, field: string): FieldError[] {
  const percent = typeof value === 'string' ? /^([0-9]+)%$/.exec(value)?.[1] : undefined;
  return percent !== undefined && Number(percent) > 100
    ? [invalid(field, value, 'must not be greater than 100%')]
    : [];
}

/** Zero, as a number or as a share. What is no number counts as zero, as it does in Kubernetes. */
export const isZero = (value: IntOrString | undefined): boolean =>
  typeof value === 'number'
    ? value === 0
    : !/^[+-]?[0-9]+%?$/.test(value ?? '') || Number.parseInt(value ?? '', 10) === 0;
