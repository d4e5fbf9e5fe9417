import { CronScheduleError, parseCronSchedule } from '../../api/cron-schedule.ts';
import { invalid } from './field-error.ts';
import type { FieldError } from './strategy.ts';

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
  try {
    parseCronSchedule(schedule);
    return [];
  } catch (error) {
    if (error instanceof CronScheduleError) return [invalid(field, schedule, error.message)];
    throw error;
  }
}
