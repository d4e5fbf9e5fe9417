import { invalid } from './field-error.ts';
import type { FieldError } from './strategy.ts';

const namePart = /^[A-Za-z.\-_0-9+]{1,14}$/;
const isPart = (part: string): boolean =>
  part !== '.' && part !== '..' && !part.startsWith('-') && namePart.test(part);

/** A name of the IANA's list. What JavaScript takes beside those, distances from UTC as `+01`, is none. */
export function validateTimeZone(zone: string, field: string): FieldError[] {
  if (zone === '') return [invalid(field, zone, 'timeZone must be nil or non-empty string')];
  const unknown = invalid(field, zone, `unknown time zone ${zone}`);
  if (!zone.split('/').every(isPart)) return [unknown];
  const errors: FieldError[] = [];
  if (zone.toLowerCase() === 'local')
    errors.push(
      invalid(
        field,
        zone,
        'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
      ),
    );
  if (zone !== 'Local' && !isTimeZone(zone)) errors.push(unknown);
  return errors;
}

export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    // RangeError: no such zone, which is the question.
    return false;
  }
}
