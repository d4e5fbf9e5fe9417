import { CronScheduleError, parseCronSchedule } from '../../api/cron-schedule.ts';
import { invalid } from './field-error.ts';
import type { FieldError } from './strategy.ts';
import { isTimeZone } from './time-zone.ts';

const field = 'spec.schedule';
const zonePrefix = /^(?:CRON_)?TZ=(\S*)\s*/;

export interface ScheduleZone {
  readonly timeZone: string | undefined;
  /** One that is stored with its zone may keep it. */
  readonly mayNameZone: boolean;
}

/** Five fields of standard cron, or a descriptor as `@daily` or `@every 1h`. */
export function validateCronSchedule(
  schedule: string,
  { timeZone, mayNameZone }: ScheduleZone,
): FieldError[] {
  const errors = syntaxProblems(schedule).map((problem) => invalid(field, schedule, problem));
  if (!schedule.includes('TZ')) return errors;
  if (!mayNameZone)
    errors.push(invalid(field, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'));
  else if (timeZone !== undefined)
    errors.push(invalid(field, schedule, 'cannot use both timeZone field and TZ or CRON_TZ in schedule'));
  return errors;
}

function syntaxProblems(schedule: string): string[] {
  const zone = zonePrefix.exec(schedule)?.[1];
  if (zone !== undefined && zone !== '' && !isTimeZone(zone))
    return [`provided bad location ${zone}: unknown time zone ${zone}`];
  try {
    parseCronSchedule(schedule.replace(zonePrefix, ''));
    return [];
  } catch (error) {
    if (error instanceof CronScheduleError) return [error.message];
    throw error;
  }
}
