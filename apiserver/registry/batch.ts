import type { CronJob, Job } from '../../api/generated/batch-v1.ts';
import { cronjobs, jobs } from '../../api/generated/resources.ts';
import { ageColumn, column, formatAge, formatDuration, formatSelector, nameColumn, wide } from './columns.ts';
import { validateCronSchedule } from './cron-schedule.ts';
import { forbidden, invalid, required, unsupported } from './field-error.ts';
import {
  generatedLabels,
  validateJob,
  validateJobTemplate,
  validateJobUpdate,
} from './job-spec-validation.ts';
import { hasCondition, validateJobStatus } from './job-status-validation.ts';
import type { KindRules } from './kind-rules.ts';
import { setTemplateDefaults } from './pod-spec-defaults.ts';
import { validateNonNegative } from './probe-validation.ts';
import type { FieldError } from './strategy.ts';
import { templateColumns } from './workload-columns.ts';

const uidLabel = 'batch.kubernetes.io/controller-uid';
const noLimit = 2 ** 31 - 1;

function setJobDefaults({ spec }: Job): void {
  if (spec === undefined) return;
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : noLimit;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed';
  for (const rule of spec.podFailurePolicy?.rules ?? [])
    for (const condition of rule.onPodConditions ?? [])
      if ((condition.status ?? '') === '') condition.status = 'True';
  setTemplateDefaults(spec.template);
}

/** The job's own uid, as a label of its pods, keeps jobs apart; what the user wrote there is judged later. Mutates. */
function generateSelector(job: Job): void {
  const { metadata, spec } = job;
  if (spec === undefined) return;
  spec.manualSelector ??= false;
  if (spec.manualSelector) return;
  const generated = generatedLabels(job);
  spec.template.metadata = {
    ...spec.template.metadata,
    labels: { ...spec.template.metadata?.labels, ...generated, ...spec.template.metadata?.labels },
  };
  spec.selector = {
    ...spec.selector,
    matchLabels: {
      ...spec.selector?.matchLabels,
      [uidLabel]: spec.selector?.matchLabels?.[uidLabel] ?? metadata.uid ?? '',
    },
  };
  if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...spec.template.metadata.labels };
}

function completions({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec?.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec?.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function duration({ status }: Job, nowMs: number): string {
  if (status?.startTime === undefined) return '';
  const end = status.completionTime === undefined ? nowMs : Date.parse(status.completionTime);
  return formatDuration(end - Date.parse(status.startTime));
}

function jobState(job: Job): string {
  if (hasCondition(job, 'Complete')) return 'Complete';
  if (hasCondition(job, 'Failed')) return 'Failed';
  if (job.metadata.deletionTimestamp !== undefined) return 'Terminating';
  if (hasCondition(job, 'Suspended')) return 'Suspended';
  if (hasCondition(job, 'FailureTarget')) return 'FailureTarget';
  return hasCondition(job, 'SuccessCriteriaMet') ? 'SuccessCriteriaMet' : 'Running';
}

export const jobRules: KindRules<Job> = {
  type: jobs,
  countsGeneration: true,
  setDefaults: setJobDefaults,
  prepareForCreate: generateSelector,
  validate: validateJob,
  validateUpdate: validateJobUpdate,
  validateStatus: validateJobStatus,
  selectableFields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
  columns: [
    nameColumn,
    column('Status', 'Status of the job.', jobState),
    column('Completions', 'Number of pods that ended well, of those wanted.', completions),
    column('Duration', 'Time required to complete the job.', duration),
    ageColumn,
    ...templateColumns<Job>(({ spec }) => spec?.template),
    wide(
      column('Selector', 'A label query over the pods of the job.', ({ spec }) =>
        formatSelector(spec?.selector),
      ),
    ),
  ],
};

function validateCronJob({ metadata, spec }: CronJob): FieldError[] {
  const errors: FieldError[] = [];
  if (spec === undefined) return [required('spec.schedule')];
  if (spec.schedule === '') errors.push(required('spec.schedule'));
  else errors.push(...validateCronSchedule(spec.schedule, spec.timeZone, 'spec.schedule'));
  errors.push(...validateNonNegative(spec.startingDeadlineSeconds, 'spec.startingDeadlineSeconds'));
  if (spec.timeZone !== undefined && !isTimeZone(spec.timeZone))
    errors.push(invalid('spec.timeZone', spec.timeZone, `unknown time zone ${spec.timeZone}`));
  const policies = ['Allow', 'Forbid', 'Replace'];
  if (!policies.includes(spec.concurrencyPolicy ?? ''))
    errors.push(unsupported('spec.concurrencyPolicy', spec.concurrencyPolicy ?? '', policies));
  if (spec.jobTemplate.spec?.manualSelector === true)
    errors.push(unsupported('spec.jobTemplate.spec.manualSelector', true, ['nil', 'false']));
  const jobSpec = spec.jobTemplate.spec;
  if (jobSpec !== undefined) errors.push(...validateJobTemplate(jobSpec, 'spec.jobTemplate.spec'));
  errors.push(
    ...validateNonNegative(spec.successfulJobsHistoryLimit, 'spec.successfulJobsHistoryLimit'),
    ...validateNonNegative(spec.failedJobsHistoryLimit, 'spec.failedJobsHistoryLimit'),
  );
  if ((metadata.name ?? '').length > 52)
    errors.push(invalid('metadata.name', metadata.name, 'must be no more than 52 characters'));
  if (jobSpec?.selector !== undefined && jobSpec.manualSelector !== true)
    errors.push(forbidden('spec.jobTemplate.spec.selector', '`selector` will be auto-generated'));
  return errors;
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return name !== '';
  } catch {
    // RangeError: no such zone, which is the question.
    return false;
  }
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
  validate: validateCronJob,
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
