import type { Job } from '../../api/generated/batch-v1.ts';
import { jobs } from '../../api/generated/resources.ts';
import { ageColumn, column, formatDuration, formatSelector, nameColumn, wide } from './columns.ts';
import { generatedLabels, validateJob, validateJobUpdate } from './job-spec-validation.ts';
import { hasCondition, validateJobStatus } from './job-status-validation.ts';
import type { KindRules } from './kind-rules.ts';
import { setTemplateDefaults } from './pod-spec-defaults.ts';
import { templateColumns } from './workload-columns.ts';
import { changedTemplateWarnings, nameWarnings } from './workload-warnings.ts';

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
  warnings: (job, previous) => [
    ...nameWarnings(job, previous),
    ...changedTemplateWarnings(job, previous, job.spec?.template),
  ],
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
