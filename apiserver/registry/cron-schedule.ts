import { invalid } from './field-error.ts';
import type { FieldError } from './strategy.ts';

const descriptors = new Set([
  '@yearly',
  '@annually',
  '@monthly',
  '@weekly',
  '@daily',
  '@midnight',
  '@hourly',
]);

interface CronField {
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const fields: readonly CronField[] = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: months },
  { min: 0, max: 6, names: days },
];

/** Five fields of standard cron, or a descriptor as `@daily` or `@every 1h`. */
export function validateCronSchedule(
  schedule: string,
  timeZone: string | undefined,
  field: string,
): FieldError[] {
  if (/TZ/.test(schedule))
    return [
      invalid(
        field,
        schedule,
        timeZone === undefined
          ? 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'
          : 'cannot use both timeZone field and TZ or CRON_TZ in schedule',
      ),
    ];
  const problem = scheduleProblem(schedule);
  return problem === undefined ? [] : [invalid(field, schedule, problem)];
}

function scheduleProblem(schedule: string): string | undefined {
  if (schedule.startsWith('@')) {
    if (descriptors.has(schedule) || /^@every (?:\d+(?:\.\d+)?(?:h|m|s|ms|us|ns))+$/.test(schedule))
      return undefined;
    return `unrecognized descriptor: ${schedule}`;
  }
  const parts = schedule.split(/\s+/).filter((part) => part !== '');
  if (parts.length !== fields.length)
    return `expected exactly 5 fields, found ${parts.length}: [${parts.join(' ')}]`;
  for (const [index, part] of parts.entries()) {
    const bounds = fields[index];
    for (const range of part.split(',')) {
      const problem = bounds === undefined ? undefined : rangeProblem(range, bounds);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

function rangeProblem(range: string, bounds: CronField): string | undefined {
  const [span = '', step, extra] = range.split('/');
  if (extra !== undefined) return `too many slashes: ${range}`;
  if (step !== undefined && !/^\d+$/.test(step))
    return `failed to parse int from ${step}: strconv.Atoi: parsing ${JSON.stringify(step)}: invalid syntax`;
  if (step !== undefined && Number(step) === 0) return `step of range should be a positive number: ${range}`;
  if (span === '*' || span === '?') return undefined;
  const [low = '', high, more] = span.split('-');
  if (more !== undefined) return `too many hyphens: ${range}`;
  const start = numberOf(low, bounds);
  const end = high === undefined ? start : numberOf(high, bounds);
  if (start === undefined || end === undefined)
    return `failed to parse int from ${start === undefined ? low : high}: strconv.Atoi: parsing ${JSON.stringify(start === undefined ? low : high)}: invalid syntax`;
  if (start < bounds.min) return `beginning of range (${start}) below minimum (${bounds.min}): ${range}`;
  if (end > bounds.max) return `end of range (${end}) above maximum (${bounds.max}): ${range}`;
  return start > end ? `beginning of range (${start}) beyond end of range (${end}): ${range}` : undefined;
}

function numberOf(text: string, bounds: CronField): number | undefined {
  const named = bounds.names.indexOf(text.toLowerCase());
  if (named >= 0) return named + bounds.min;
  return /^\d+$/.test(text) ? Number(text) : undefined;
}
