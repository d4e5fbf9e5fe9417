import { isDeepStrictEqual } from 'node:util';
import type { CronJob, Job, JobSpec } from '../../api/generated/batch-v1.ts';
import { cronjobs, jobs } from '../../api/generated/resources.ts';
import { ageColumn, column, formatAge, formatDuration, formatSelector, nameColumn, wide } from './columns.ts';
import { validateCronSchedule } from './cron-schedule.ts';
import { forbidden, invalid, oneOf, required, unsupported } from './field-error.ts';
import type { KindRules } from './kind-rules.ts';
import { setTemplateDefaults } from './pod-spec-defaults.ts';
import { selectsTemplate, validateTemplate } from './pod-template-validation.ts';
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

/** The job's own uid, as a label of its pods, keeps jobs apart. Mutates. */
function generateSelector({ metadata, spec }: Job): void {
  if (spec === undefined) return;
  spec.manualSelector ??= false;
  if (spec.manualSelector) return;
  const uid = metadata.uid ?? '';
  const name = metadata.name ?? '';
  const labels = {
    [uidLabel]: uid,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'job-name': name,
  };
  spec.template.metadata = {
    ...spec.template.metadata,
    labels: { ...spec.template.metadata?.labels, ...labels },
  };
  spec.selector = { ...spec.selector, matchLabels: { ...spec.selector?.matchLabels, [uidLabel]: uid } };
  if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...spec.template.metadata.labels };
}

function validateJobSpec(spec: JobSpec, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const counts = [
    'parallelism',
    'completions',
    'activeDeadlineSeconds',
    'backoffLimit',
    'ttlSecondsAfterFinished',
    'backoffLimitPerIndex',
    'maxFailedIndexes',
  ] as const;
  for (const name of counts) errors.push(...validateNonNegative(spec[name], `${field}.${name}`));
  if (spec.completionMode !== undefined) {
    errors.push(...oneOf(`${field}.completionMode`, spec.completionMode, ['NonIndexed', 'Indexed']));
    if (spec.completionMode === 'Indexed' && spec.completions === undefined)
      errors.push(required(`${field}.completions`, 'when completion mode is Indexed'));
  }
  if (spec.completionMode !== 'Indexed' && spec.backoffLimitPerIndex !== undefined)
    errors.push(
      invalid(`${field}.backoffLimitPerIndex`, spec.backoffLimitPerIndex, 'requires indexed completion mode'),
    );
  errors.push(...validateTemplate(spec.template, `${field}.template`));
  const policy = spec.template.spec?.restartPolicy ?? '';
  if (policy === 'Always')
    errors.push({
      ...required(`${field}.template.spec.restartPolicy`, 'valid values: "OnFailure", "Never"'),
    });
  if (spec.podFailurePolicy !== undefined && policy !== 'Never')
    errors.push(
      invalid(
        `${field}.template.spec.restartPolicy`,
        policy,
        'only "Never" is supported when podFailurePolicy is specified',
      ),
    );
  return errors;
}

function validateJob({ metadata, spec }: Job): FieldError[] {
  if (spec === undefined) return [required('spec.template')];
  const errors: FieldError[] = [];
  if (spec.selector === undefined) errors.push(required('spec.selector'));
  else if (selectsTemplate(spec.selector, spec.template) === false) {
    if (spec.manualSelector === true)
      errors.push(
        invalid(
          'spec.template.metadata.labels',
          spec.template.metadata?.labels,
          '`selector` does not match template `labels`',
        ),
      );
  }
  if (spec.manualSelector !== true) {
    const generated = { matchLabels: { [uidLabel]: metadata.uid ?? '' } };
    if (spec.selector !== undefined && !isDeepStrictEqual(spec.selector, generated))
      errors.push(invalid('spec.selector', spec.selector, '`selector` not auto-generated'));
  }
  return [...errors, ...validateJobSpec(spec, 'spec')];
}

function validateJobUpdate(next: Job, current: Job): FieldError[] {
  const errors: FieldError[] = [];
  const immutable = [
    'selector',
    'completionMode',
    'podFailurePolicy',
    'backoffLimitPerIndex',
    'managedBy',
    'successPolicy',
  ] as const;
  const indexed = current.spec?.completionMode === 'Indexed';
  if (!indexed && next.spec?.completions !== current.spec?.completions)
    errors.push(invalid('spec.completions', next.spec?.completions, 'field is immutable'));
  for (const name of immutable.slice(0, 1))
    if (!isDeepStrictEqual(next.spec?.[name], current.spec?.[name]))
      errors.push(invalid(`spec.${name}`, next.spec?.[name], 'field is immutable'));
  if (current.spec?.suspend !== true && !isDeepStrictEqual(next.spec?.template, current.spec?.template))
    errors.push(invalid('spec.template', next.spec?.template, 'field is immutable'));
  for (const name of immutable.slice(1))
    if (!isDeepStrictEqual(next.spec?.[name], current.spec?.[name]))
      errors.push(invalid(`spec.${name}`, next.spec?.[name], 'field is immutable'));
  return errors;
}

const hasCondition = (job: Job, type: string): boolean =>
  (job.status?.conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');

function validateJobStatus(next: Job): FieldError[] {
  const { status = {} } = next;
  const errors: FieldError[] = [];
  for (const name of ['active', 'succeeded', 'failed'] as const)
    errors.push(...validateNonNegative(status[name], `status.${name}`));
  const complete = hasCondition(next, 'Complete');
  const finished = complete || hasCondition(next, 'Failed');
  if (complete && status.completionTime === undefined)
    errors.push(required('status.completionTime', 'completionTime is required for Complete jobs'));
  if (complete && !hasCondition(next, 'SuccessCriteriaMet'))
    errors.push({
      ...invalid('status.conditions', null, ''),
      message:
        'Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
    });
  if (finished && status.startTime === undefined)
    errors.push(required('status.startTime', 'startTime is required for finished job'));
  return errors;
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
  if (jobSpec !== undefined) errors.push(...validateJobSpec(jobSpec, 'spec.jobTemplate.spec'));
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
