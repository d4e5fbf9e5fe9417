import { isDeepStrictEqual } from 'node:util';
import type {
  Deployment,
  DeploymentSpec,
  DeploymentStrategy,
  ReplicaSet,
} from '../../api/generated/apps-v1.ts';
import { deployments, replicasets } from '../../api/generated/resources.ts';
import { ageColumn, column, formatSelector, nameColumn, wide } from './columns.ts';
import { forbidden, invalid, unsupported } from './field-error.ts';
import { isZero, validateAtMostAll, validateIntOrPercent } from './int-or-percent.ts';
import type { KindColumn, KindRules } from './kind-rules.ts';
import { setTemplateDefaults } from './pod-spec-defaults.ts';
import { validateNonNegative } from './probe-validation.ts';
import type { FieldError } from './strategy.ts';
import { templateColumns } from './workload-columns.ts';
import {
  validateCollisions,
  validateCounts,
  validateOwnedTemplate,
  validateOwnSelector,
  validateParts,
} from './workload-template-validation.ts';
import { changedTemplateWarnings, nameWarnings } from './workload-warnings.ts';

function setDefaults({ spec }: Deployment): void {
  spec.replicas ??= 1;
  spec.strategy ??= {};
  spec.strategy.type ??= 'RollingUpdate';
  if (spec.strategy.type === 'RollingUpdate') {
    spec.strategy.rollingUpdate ??= {};
    spec.strategy.rollingUpdate.maxUnavailable ??= '25%';
    spec.strategy.rollingUpdate.maxSurge ??= '25%';
  }
  spec.revisionHistoryLimit ??= 10;
  spec.progressDeadlineSeconds ??= 600;
  setTemplateDefaults(spec.template);
}

function validate({ spec }: Deployment): FieldError[] {
  return [
    ...validateNonNegative(spec.replicas, 'spec.replicas'),
    ...validateOwnSelector(spec.selector, 'deployment'),
    ...validateOwnedTemplate({ ...spec, owner: 'ReplicaSet' }),
    ...validateStrategy(spec),
    ...validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...validateNonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'),
    ...validateDeadline(spec),
  ];
}

function validateStrategy({ strategy = {} }: DeploymentSpec): FieldError[] {
  const rolling = strategy.rollingUpdate;
  const field = 'spec.strategy.rollingUpdate';
  if (strategy.type === 'Recreate')
    return rolling === undefined
      ? []
      : [forbidden(field, "may not be specified when strategy `type` is 'Recreate'")];
  if (strategy.type !== 'RollingUpdate') {
    return [unsupported('spec.strategy', shownStrategy(strategy), ['Recreate', 'RollingUpdate'])];
  }
  const { maxUnavailable, maxSurge } = rolling ?? {};
  const errors = [
    ...validateIntOrPercent(maxUnavailable, `${field}.maxUnavailable`),
    ...validateIntOrPercent(maxSurge, `${field}.maxSurge`),
  ];
  if (isZero(maxUnavailable) && isZero(maxSurge))
    errors.push(invalid(`${field}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  return [...errors, ...validateAtMostAll(maxUnavailable, `${field}.maxUnavailable`)];
}

/** As messages show how pods are replaced: by the names of the program, not of the wire. */
export function shownStrategy({ type = '', rollingUpdate }: DeploymentStrategy): object {
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate ?? {};
  const shown = rollingUpdate === undefined ? null : { MaxUnavailable: maxUnavailable, MaxSurge: maxSurge };
  return { Type: type, RollingUpdate: shown };
}

function validateDeadline(spec: DeploymentSpec): FieldError[] {
  const field = 'spec.progressDeadlineSeconds';
  const deadline = spec.progressDeadlineSeconds;
  const errors = validateNonNegative(deadline, field);
  if (deadline !== undefined && deadline <= (spec.minReadySeconds ?? 0))
    errors.push(invalid(field, deadline, 'must be greater than minReadySeconds'));
  return errors;
}

export function validateSelectorFixed<T extends { readonly spec: { readonly selector?: unknown } }>(
  next: T,
  current: T,
): FieldError[] {
  return isDeepStrictEqual(next.spec.selector, current.spec.selector)
    ? []
    : [invalid('spec.selector', next.spec.selector, 'field is immutable')];
}

const counts = [
  'observedGeneration',
  'replicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'terminatingReplicas',
  'collisionCount',
];

function validateStatus({ status = {} }: Deployment, current: Deployment): FieldError[] {
  return [
    ...validateCounts(status, counts),
    ...validateParts(status, ['updatedReplicas', 'readyReplicas', 'availableReplicas']),
    ...validateCollisions(status, current.status),
  ];
}

const replicaSetCounts = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'terminatingReplicas',
  'observedGeneration',
];

/** The status of what keeps a number of pods of one template. */
export const validateReplicaCounts = (status: object = {}): FieldError[] => [
  ...validateCounts(status, replicaSetCounts),
  ...validateParts(status, ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas']),
];

const count = <T>(name: string, about: string, read: (object: T) => number | undefined): KindColumn<T> =>
  column(name, about, (object) => read(object) ?? 0, 'integer');

export const deploymentRules: KindRules<Deployment> = {
  type: deployments,
  countsGeneration: true,
  countedMeta: ['annotations'],
  setDefaults,
  prepareForUpdate(next, current, context) {
    if (context.subresource !== 'status') return;
    if (current.metadata.labels === undefined) delete next.metadata.labels;
    else next.metadata.labels = current.metadata.labels;
  },
  validate,
  validateUpdate: validateSelectorFixed,
  validateStatus,
  warnings: (deployment, previous) => [
    ...nameWarnings(deployment, previous),
    ...changedTemplateWarnings(deployment, previous, deployment.spec.template),
  ],
  columns: [
    nameColumn,
    column(
      'Ready',
      'Number of the pod with ready state',
      ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    ),
    column(
      'Up-to-date',
      'Total number of non-terminated pods targeted by this deployment that have the desired template spec.',
      ({ status }) => status?.updatedReplicas ?? 0,
    ),
    column(
      'Available',
      'Total number of available non-terminating pods (ready for at least minReadySeconds) targeted by this deployment.',
      ({ status }) => status?.availableReplicas ?? 0,
    ),
    ageColumn,
    ...templateColumns<Deployment>(({ spec }) => spec.template),
    wide(column('Selector', 'Label selector for pods.', ({ spec }) => formatSelector(spec.selector, ''))),
  ],
};

export const replicaSetRules: KindRules<ReplicaSet> = {
  type: replicasets,
  countsGeneration: true,
  setDefaults({ spec }) {
    spec.replicas ??= 1;
    setTemplateDefaults(spec.template);
  },
  validate: ({ spec }) => [
    ...validateNonNegative(spec.replicas, 'spec.replicas'),
    ...validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    // Kubernetes calls it so here too.
    ...validateOwnSelector(spec.selector, 'deployment'),
    ...validateOwnedTemplate({ ...spec, owner: 'ReplicaSet' }),
  ],
  validateUpdate: validateSelectorFixed,
  validateStatus: ({ status }) => validateReplicaCounts(status),
  warnings: (set, previous) => [
    ...nameWarnings(set, previous),
    ...changedTemplateWarnings(set, previous, set.spec.template),
  ],
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  columns: [
    nameColumn,
    count('Desired', 'Replicas is the number of desired pods.', ({ spec }) => spec.replicas),
    count(
      'Current',
      'Replicas is the most recently observed number of non-terminating pods.',
      ({ status }) => status?.replicas,
    ),
    count(
      'Ready',
      'The number of non-terminating pods with a Ready condition.',
      ({ status }) => status?.readyReplicas,
    ),
    ageColumn,
    ...templateColumns<ReplicaSet>(({ spec }) => spec.template),
    wide(
      column(
        'Selector',
        'Selector is a label query over pods that should match the replica count.',
        ({ spec }) => formatSelector(spec.selector),
      ),
    ),
  ],
};
