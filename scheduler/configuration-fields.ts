/** Reads the fields of a configuration file; each says where it stands. @throws UsageError */
import { UsageError } from './options.ts';

export type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(value: unknown, at: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new UsageError(`${at}: must be an object`);
}

export function listOf(value: unknown, at: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new UsageError(`${at}: must be a list`);
}

export function textOf(value: unknown, at: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new UsageError(`${at}: must be a text`);
}

export function numberOf(value: unknown, at: string, [least, most]: readonly [number, number]): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new UsageError(`${at}: must be a whole number from ${least} to ${most}`);
}

export function expectOneOf(value: unknown, allowed: readonly string[], at: string): void {
  if (!allowed.some((each) => each === value))
    throw new UsageError(`${at}: must be ${allowed.join(' or ')}, not ${JSON.stringify(value)}`);
}

export function allowOnly(fields: Fields, allowed: readonly string[], at: string): void {
  const unknown = Object.keys(fields).find((key) => !allowed.includes(key));
  if (unknown !== undefined) throw new UsageError(`${at}: "${unknown}" is not supported`);
}
