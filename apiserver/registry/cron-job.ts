import type { CronJob } from '../../api/generated/batch-v1.ts';
import { cronjobs } from '../../api/generated/resources.ts';
import { ageColumn, column, formatAge, formatSelector, nameColumn, wide } from './columns.ts';
import { validateCronSchedule } from './cron-schedule.ts';
import { invalid, required, unsupported } from './field-error.ts';
import { validateJobTemplate } from './job-spec-validation.ts';
import type { KindRules } from './kind-rules.ts';
import { setTemplateDefaults } from './pod-spec-defaults.ts';
import { validateNonNegative } from './probe-validation.ts';
import type { FieldError } from './strategy.ts';
import { validateTimeZone } from './time-zone.ts';
import { templateColumns } from './workload-columns.ts';
import { changedTemplateWarnings, nameWarnings } from './workload-warnings.ts';

const maxNameLength = 52;
const policies = ['Allow', 'Forbid', 'Replace'];

function validateCronJob({ spec }: CronJob, current: CronJob | undefined): FieldError[] {
  if (spec === undefined) return [required('spec.schedule')];
  const zone = spec.timeZone;
  const errors =
    spec.schedule === ''
      ? [required('spec.schedule')]
      : validateCronSchedule(spec.schedule, {
          timeZone: zone,
          mayNameZone: current?.spec?.schedule.includes('TZ') ?? false,
        });
  errors.push(...validateNonNegative(spec.startingDeadlineSeconds, 'spec.startingDeadlineSeconds'));
  if (zone !== undefined && (current === undefined || zone !== current.spec?.timeZone))
    errors.push(...validateTimeZone(zone, 'spec.timeZone'));
  const policy = spec.concurrencyPolicy ?? '';
  if (policy === '') errors.push(required('spec.concurrencyPolicy'));
  else if (!policies.includes(policy)) errors.push(unsupported('spec.concurrencyPolicy', policy, policies));
  const field = 'spec.jobTemplate.spec';
  const jobSpec = spec.jobTemplate.spec ?? { template: {} };
  errors.push(...validateJobTemplate(jobSpec, field));
  if (jobSpec.selector !== undefined)
    errors.push(invalid(`${field}.selector`, jobSpec.selector, '`selector` will be auto-generated'));
  if (jobSpec.manualSelector === true)
    errors.push(unsupported(`${field}.manualSelector`, true, ['nil', 'false']));
  return [
    ...errors,
    ...validateNonNegative(spec.successfulJobsHistoryLimit, 'spec.successfulJobsHistoryLimit'),
    ...validateNonNegative(spec.failedJobsHistoryLimit, 'spec.failedJobsHistoryLimit'),
  ];
}

const zoneWarning =
  'CRON_TZ or TZ used in spec.schedule is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details';

function warningsOf(cronJob: CronJob, previous: CronJob | undefined): string[] {
  const field = 'spec.jobTemplate.spec.template.spec';
  return [
    ...nameWarnings(cronJob, previous),
    ...changedTemplateWarnings(cronJob, previous, cronJob.spec?.jobTemplate.spec?.template, field),
    ...(cronJob.spec?.schedule.includes('TZ') === true ? [zoneWarning] : []),
  ];
}

export const cronJobRules: KindRules<CronJob> = {
  type: cronjobs,
  countsGeneration: true,
  setDefaults({ spec }) {
    if (spec === undefined) return;
    spec.concurrencyPolicy ??= 'Allow';
    spec.suspend ??= false;
    spec.successfulJobsHistoryLimit ??= 3;
    spec.failedJobsHistoryLimit ??= 1;
    setTemplateDefaults(spec.jobTemplate.spec?.template);
  },
  validate: (cronJob, _context, current) => validateCronJob(cronJob, current),
  // A job's name is that of its CronJob, a dash and ten digits; older CronJobs with longer names may still change.
  validateCreate: ({ metadata }) =>
    (metadata.name ?? '').length > maxNameLength
      ? [invalid('metadata.name', metadata.name, `must be no more than ${maxNameLength} characters`)]
      : [],
  warnings: warningsOf,
  columns: [
    nameColumn,
    column(
      'Schedule',
      'The schedule in Cron format, see https://en.wikipedia.org/wiki/Cron.',
      ({ spec }) => spec?.schedule ?? '',
    ),
    column('Timezone', 'The time zone that the schedule is in.', ({ spec }) => spec?.timeZone ?? '<none>'),
    column(
      'Suspend',
      'Whether no further jobs are made.',
      ({ spec }) => (spec?.suspend === true ? 'True' : 'False'),
      'boolean',
    ),
    column('Active', 'Number of running jobs.', ({ status }) => (status?.active ?? []).length, 'integer'),
    column('Last Schedule', 'When a job was last made.', ({ status }, nowMs) =>
      status?.lastScheduleTime === undefined ? '<none>' : formatAge(status.lastScheduleTime, nowMs),
    ),
    ageColumn,
    ...templateColumns<CronJob>(({ spec }) => spec?.jobTemplate.spec?.template),
    wide(
      column('Selector', 'A label query over the pods of the jobs.', ({ spec }) =>
        formatSelector(spec?.jobTemplate.spec?.selector),
      ),
    ),
  ],
};
