import { isDeepStrictEqual } from 'node:util';
import type { Job, JobSpec } from '../../api/generated/batch-v1.ts';
import type { Container, PodTemplateSpec } from '../../api/generated/core-v1.ts';
import { invalid, oneOf, quote, required, tooLong, unsupported } from './field-error.ts';
import { validatePodFailurePolicy, validateSuccessPolicy } from './job-policies.ts';
import { hasCondition } from './job-status-validation.ts';
import { validateLabelSelector } from './label-selector.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from './names.ts';
import { selectsTemplate, validateTemplate } from './pod-template-validation.ts';
import { validateNonNegative } from './probe-validation.ts';
import type { FieldError } from './strategy.ts';

const uidLabel = 'batch.kubernetes.io/controller-uid';
const maxManagedByLength = 63;
const maxIndexedParallelism = 100_000;
const maxFailedIndexes = 100_000;
/** With more completions than this, a limit per index must be bounded in other ways. */
const manyCompletions = 100_000;
const manyCompletionsParallelism = 10_000;
const manyCompletionsFailedIndexes = 10_000;

const counts = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const;

/** Labels that tell a Job's pods from all others'. */
export function generatedLabels({ metadata }: Pick<Job, 'metadata'>): Record<string, string> {
  const { uid = '', name = '' } = metadata;
  return {
    [uidLabel]: uid,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'job-name': name,
  };
}

/** Of a CronJob's template too. */
export function validateJobTemplate(spec: JobSpec, field: string): FieldError[] {
  const errors = counts.flatMap((name) => validateNonNegative(spec[name], `${field}.${name}`));
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined)
    errors.push(required(`${field}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
  errors.push(...validateManagedBy(spec.managedBy, `${field}.managedBy`));
  if (spec.completionMode !== undefined)
    errors.push(...oneOf(`${field}.completionMode`, spec.completionMode, ['NonIndexed', 'Indexed']));
  const isIndexed = spec.completionMode === 'Indexed';
  if (isIndexed) errors.push(...validateIndexed(spec, field));
  else
    for (const name of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const)
      if (spec[name] !== undefined)
        errors.push(invalid(`${field}.${name}`, spec[name], 'requires indexed completion mode'));
  if (spec.podFailurePolicy !== undefined)
    errors.push(...validatePodFailurePolicy(spec, `${field}.podFailurePolicy`));
  if (spec.successPolicy !== undefined)
    errors.push(
      ...(isIndexed
        ? validateSuccessPolicy(spec, `${field}.successPolicy`)
        : [invalid(`${field}.successPolicy`, spec.successPolicy, 'requires indexed completion mode')]),
    );
  const replacements = spec.podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed'];
  if (spec.podReplacementPolicy !== undefined && !replacements.includes(spec.podReplacementPolicy))
    errors.push(unsupported(`${field}.podReplacementPolicy`, spec.podReplacementPolicy, replacements));
  return [
    ...errors,
    ...validateTemplate(spec.template, `${field}.template`),
    ...validateRestartPolicy(spec, `${field}.template.spec.restartPolicy`),
  ];
}

function validateRestartPolicy({ template, podFailurePolicy }: JobSpec, field: string): FieldError[] {
  const policy = template.spec?.restartPolicy ?? '';
  const valid = ['OnFailure', 'Never'];
  if (policy === 'Always' || policy === '')
    return [required(field, `valid values: ${valid.map(quote).join(', ')}`)];
  if (!valid.includes(policy)) return [unsupported(field, policy, valid)];
  if (podFailurePolicy === undefined || policy === 'Never') return [];
  return [invalid(field, policy, 'only "Never" is supported when podFailurePolicy is specified')];
}

const pathForm = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";

function validateManagedBy(managedBy: string | undefined, field: string): FieldError[] {
  if (managedBy === undefined) return [];
  if (managedBy === '') return [required(field)];
  const errors: FieldError[] = [];
  const [host = '', ...rest] = managedBy.split('/');
  const path = rest.join('/');
  if (host === '' || path === '')
    errors.push(invalid(field, managedBy, 'must be a domain-prefixed path (such as "acme.io/foo")'));
  else {
    for (const problem of dnsSubdomainProblems(host)) errors.push(invalid(field, host, problem));
    if (!new RegExp(`^${pathForm}$`).test(path))
      errors.push(invalid(field, path, `Invalid path (regex used for validation is '${pathForm}')`));
  }
  if (managedBy.length > maxManagedByLength) errors.push(tooLong(field, maxManagedByLength));
  return errors;
}

function validateIndexed(spec: JobSpec, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const { completions, parallelism = 0, maxFailedIndexes: failed } = spec;
  const limit = (name: 'parallelism' | 'maxFailedIndexes', most: number | string, why = ''): void => {
    errors.push(invalid(`${field}.${name}`, spec[name], `must be less than or equal to ${most}${why}`));
  };
  if (completions === undefined)
    errors.push(required(`${field}.completions`, 'when completion mode is Indexed'));
  if (parallelism > maxIndexedParallelism)
    limit('parallelism', maxIndexedParallelism, ' when completion mode is Indexed');
  if (completions !== undefined && failed !== undefined && failed > completions)
    limit('maxFailedIndexes', 'completions');
  if (failed !== undefined && failed > maxFailedIndexes) limit('maxFailedIndexes', maxFailedIndexes);
  if ((completions ?? 0) <= manyCompletions || spec.backoffLimitPerIndex === undefined) return errors;
  if (failed === undefined)
    errors.push(
      required(`${field}.maxFailedIndexes`, `must be specified when completions is above ${manyCompletions}`),
    );
  const why = ` when completions are above ${manyCompletions} and used with backoff limit per index`;
  if (parallelism > manyCompletionsParallelism) limit('parallelism', manyCompletionsParallelism, why);
  if (failed !== undefined && failed > manyCompletionsFailedIndexes)
    limit('maxFailedIndexes', manyCompletionsFailedIndexes, why);
  return errors;
}

/** The labels that keep the Job's pods apart, unless the user looks after the selector himself. */
function validateGenerated(job: Job, spec: JobSpec): FieldError[] {
  if (spec.manualSelector === true || spec.selector === undefined) return [];
  const expected = generatedLabels(job);
  const { labels = {} } = spec.template.metadata ?? {};
  const keys = [
    'controller-uid',
    'job-name',
    'batch.kubernetes.io/controller-uid',
    'batch.kubernetes.io/job-name',
  ];
  const errors = keys.flatMap((key) => {
    const field = `spec.template.metadata.labels[${key}]`;
    if (labels[key] === expected[key]) return [];
    if (labels[key] === undefined) return [required(field, `must be '${expected[key]}'`)];
    return [invalid(field, labels, `must be '${expected[key]}'`)];
  });
  if (selectsTemplate(spec.selector, { metadata: { labels: expected } }) === false)
    errors.push(invalid('spec.selector', spec.selector, '`selector` not auto-generated'));
  return errors;
}

export function validateJob(job: Job): FieldError[] {
  const { metadata, spec } = job;
  if (spec === undefined) return [required('spec.template')];
  const errors = [...validateGenerated(job, spec), ...validateJobTemplate(spec, 'spec')];
  if (spec.selector === undefined) errors.push(required('spec.selector'));
  else errors.push(...validateLabelSelector(spec.selector, 'spec.selector'));
  if (selectsTemplate(spec.selector, spec.template) === false)
    errors.push(
      invalid(
        'spec.template.metadata.labels',
        spec.template.metadata?.labels,
        '`selector` does not match template `labels`',
      ),
    );
  if (spec.completionMode !== 'Indexed' || (spec.completions ?? 0) <= 0) return errors;
  const hostname = `${metadata.name}-${(spec.completions ?? 0) - 1}`;
  if (dnsLabelProblems(hostname).length > 0)
    errors.push(
      invalid(
        'metadata.name',
        metadata.name,
        `will not able to create pod with invalid DNS label: ${hostname}`,
      ),
    );
  return errors;
}

export function validateJobUpdate(next: Job, current: Job): FieldError[] {
  const [spec, old] = [next.spec, current.spec];
  if (spec === undefined || old === undefined) return [];
  const changed = (name: keyof JobSpec): FieldError[] =>
    isDeepStrictEqual(spec[name], old[name])
      ? []
      : [invalid(`spec.${name}`, spec[name], 'field is immutable')];
  const errors = [...validateCompletions(spec, old), ...changed('selector')];
  if (!isDeepStrictEqual(spec.template, comparable(current, old, spec.template)))
    errors.push(invalid('spec.template', spec.template, 'field is immutable'));
  for (const name of [
    'completionMode',
    'podFailurePolicy',
    'backoffLimitPerIndex',
    'managedBy',
    'successPolicy',
  ] as const)
    errors.push(...changed(name));
  return errors;
}

/** An indexed Job is scaled as a whole. */
function validateCompletions(spec: JobSpec, old: JobSpec): FieldError[] {
  if (spec.completions === old.completions) return [];
  if (spec.completionMode !== 'Indexed')
    return [invalid('spec.completions', spec.completions, 'field is immutable')];
  if (spec.completions === spec.parallelism) return [];
  return [
    invalid('spec.completions', spec.completions, 'can only be modified in tandem with spec.parallelism'),
  ];
}

/**
 * The stored template with what `next` may change of it: where pods of a suspended Job go and what they ask for.
 * @see https://kubernetes.io/docs/concepts/workloads/controllers/job/#mutable-scheduling-directives
 */
function comparable(current: Job, { suspend, template }: JobSpec, next: PodTemplateSpec): PodTemplateSpec {
  const isAtRest = current.status?.startTime === undefined || hasCondition(current, 'Suspended');
  if (suspend !== true || !isAtRest || template.spec === undefined || next.spec === undefined)
    return template;
  const { nodeSelector, tolerations, schedulingGates } = next.spec;
  const { nodeAffinity: _, ...otherAffinity } = template.spec.affinity ?? {};
  const ofNodes = next.spec.affinity?.nodeAffinity;
  const affinity = { ...otherAffinity, ...(ofNodes === undefined ? {} : { nodeAffinity: ofNodes }) };
  const hasAffinity = next.spec.affinity !== undefined || Object.keys(affinity).length > 0;
  const { containers = [], initContainers = [] } = next.spec;
  return withoutAbsent({
    ...template,
    metadata: withoutAbsent({
      ...template.metadata,
      annotations: next.metadata?.annotations,
      labels: next.metadata?.labels,
    }),
    spec: withoutAbsent({
      ...template.spec,
      ...{ nodeSelector, tolerations, schedulingGates, affinity: hasAffinity ? affinity : undefined },
      containers: withResources(template.spec.containers, containers) ?? [],
      initContainers: withResources(template.spec.initContainers, initContainers),
    }),
  });
}

function withResources(
  containers: readonly Container[] | undefined,
  next: readonly Container[],
): Container[] | undefined {
  return containers?.map((container, index) =>
    withoutAbsent({ ...container, resources: next[index]?.resources }),
  );
}

/** Absent and undefined are one for a reader, but not for a comparison. */
function withoutAbsent<T extends object>(object: T): T {
  const copy = { ...object };
  for (const key of Object.keys(copy) as (keyof T)[]) if (copy[key] === undefined) delete copy[key];
  return copy;
}
