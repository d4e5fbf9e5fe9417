import { isDeepStrictEqual } from 'node:util';
import type {
  RollingUpdateStatefulSetStrategy,
  StatefulSet,
  StatefulSetUpdateStrategy,
} from '../../api/generated/apps-v1.ts';
import { statefulsets } from '../../api/generated/resources.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { forbidden, invalid, required, unsupported } from './field-error.ts';
import { isZero, validateAtMostAll, validateIntOrPercent } from './int-or-percent.ts';
import type { KindRules } from './kind-rules.ts';
import { dnsLabelName, dnsLabelProblems } from './names.ts';
import { validateAnnotations, validateLabels } from './object-meta.ts';
import { setTemplateDefaults } from './pod-spec-defaults.ts';
import { selectsTemplate, validateTemplate } from './pod-template-validation.ts';
import { validateNonNegative } from './probe-validation.ts';
import type { FieldError } from './strategy.ts';
import { setClaimSpecDefaults } from './volume-defaults.ts';
import { templateColumns } from './workload-columns.ts';
import {
  type OwnedTemplate,
  validateCollisions,
  validateCounts,
  validateLifetime,
  validateOwnSelector,
  validateParts,
  validateSelected,
} from './workload-template-validation.ts';
import { changedTemplateWarnings } from './workload-warnings.ts';

function setStatefulSetDefaults({ spec }: StatefulSet): void {
  spec.podManagementPolicy ??= 'OrderedReady';
  // One that names its type and nothing else stays as it is.
  if ((spec.updateStrategy?.type ?? '') === '')
    spec.updateStrategy = { rollingUpdate: {}, ...spec.updateStrategy, type: 'RollingUpdate' };
  if (spec.updateStrategy?.type === 'RollingUpdate' && spec.updateStrategy.rollingUpdate !== undefined)
    spec.updateStrategy.rollingUpdate.partition ??= 0;
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= 10;
  spec.persistentVolumeClaimRetentionPolicy ??= {};
  spec.persistentVolumeClaimRetentionPolicy.whenDeleted ??= 'Retain';
  spec.persistentVolumeClaimRetentionPolicy.whenScaled ??= 'Retain';
  setTemplateDefaults(spec.template);
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.apiVersion ??= 'v1';
    claim.kind ??= 'PersistentVolumeClaim';
    if (claim.spec !== undefined) setClaimSpecDefaults(claim.spec);
    claim.status = { ...claim.status, phase: claim.status?.phase ?? 'Pending' };
  }
}

function validateStatefulSet(set: StatefulSet, current: StatefulSet | undefined): FieldError[] {
  const { spec } = set;
  const errors = [
    ...validateManagement(spec.podManagementPolicy),
    ...validateUpdateStrategy(spec.updateStrategy),
    ...validateRetention(spec.persistentVolumeClaimRetentionPolicy),
    ...validateNonNegative(spec.replicas, 'spec.replicas'),
    ...validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...validateNonNegative(spec.ordinals?.start, 'spec.ordinals.start'),
  ];
  const { serviceName = '' } = spec;
  if (current === undefined && serviceName !== '')
    for (const problem of dnsLabelProblems(serviceName))
      errors.push(invalid('spec.serviceName', serviceName, problem));
  const owned: OwnedTemplate = { selector: spec.selector, template: spec.template, owner: 'StatefulSet' };
  return [
    ...errors,
    ...validateOwnSelector(spec.selector, 'statefulset'),
    ...(selectsTemplate(spec.selector, spec.template) === undefined
      ? [invalid('spec.selector', spec.selector, '')]
      : [...validateSelected(owned), ...validatePodTemplate(set, current)]),
    ...validateLifetime(owned),
  ];
}

/** A template that was stored before templates were judged may stay wrong. */
function validatePodTemplate({ spec }: StatefulSet, current: StatefulSet | undefined): FieldError[] {
  const errors = validateTemplate(withClaims(spec), 'spec.template');
  if (errors.length === 0 || current === undefined || validateStatefulSet(current, undefined).length === 0)
    return errors;
  const { labels, annotations } = spec.template.metadata ?? {};
  return [
    ...validateLabels(labels, 'spec.template.labels'),
    ...validateAnnotations(annotations, 'spec.template.annotations'),
  ];
}

function validateManagement(policy: string | undefined): FieldError[] {
  const field = 'spec.podManagementPolicy';
  if (policy === undefined || policy === '') return [required(field)];
  return ['OrderedReady', 'Parallel'].includes(policy)
    ? []
    : [invalid(field, policy, "must be 'OrderedReady' or 'Parallel'")];
}

function validateUpdateStrategy({ type = '', rollingUpdate }: StatefulSetUpdateStrategy = {}): FieldError[] {
  const field = 'spec.updateStrategy';
  const shown =
    rollingUpdate === undefined
      ? null
      : { Partition: rollingUpdate.partition ?? 0, MaxUnavailable: rollingUpdate.maxUnavailable ?? null };
  switch (type) {
    case '':
      return [required(field)];
    case 'OnDelete':
      return shown === null
        ? []
        : [invalid(`${field}.rollingUpdate`, shown, "only allowed for updateStrategy 'RollingUpdate'")];
    case 'RollingUpdate':
      return validateRollingUpdate(rollingUpdate ?? {}, `${field}.rollingUpdate`);
    default: {
      const strategy = { Type: type, RollingUpdate: shown };
      return [invalid(field, strategy, "must be 'RollingUpdate' or 'OnDelete'")];
    }
  }
}

function validateRollingUpdate(
  { partition, maxUnavailable }: RollingUpdateStatefulSetStrategy,
  field: string,
): FieldError[] {
  const errors = validateNonNegative(partition, `${field}.partition`);
  if (maxUnavailable === undefined) return errors;
  errors.push(...validateIntOrPercent(maxUnavailable, `${field}.maxUnavailable`));
  if (isZero(maxUnavailable)) errors.push(invalid(`${field}.maxUnavailable`, maxUnavailable, 'cannot be 0'));
  return [...errors, ...validateAtMostAll(maxUnavailable, `${field}.maxUnavailable`)];
}

function validateRetention(
  policy: StatefulSet['spec']['persistentVolumeClaimRetentionPolicy'],
): FieldError[] {
  const field = 'spec.persistentVolumeClaimRetentionPolicy';
  return (['whenDeleted', 'whenScaled'] as const).flatMap((name) => {
    const value = policy?.[name] ?? 'Retain';
    const known = ['Retain', 'Delete'];
    return known.includes(value) ? [] : [unsupported(`${field}.${name}`, value, known)];
  });
}

/** The template as its pods will have it: with a volume for each claim of their own. */
function withClaims({ template, volumeClaimTemplates = [] }: StatefulSet['spec']): typeof template {
  if (template?.spec === undefined || volumeClaimTemplates.length === 0) return template;
  // One without a name has no volume.
  const names = new Set(volumeClaimTemplates.flatMap(({ metadata: { name = '' } }) => name || []));
  const others = (template.spec.volumes ?? []).filter(({ name }) => !names.has(name));
  const claimed = [...names].map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  return { ...template, spec: { ...template.spec, volumes: [...others, ...claimed] } };
}

const negativeHistory =
  'spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended';

const mutableOfStatefulSet = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const;

function validateStatefulSetUpdate(next: StatefulSet, current: StatefulSet): FieldError[] {
  const fixed = (spec: StatefulSet['spec']): Record<string, unknown> => {
    const rest: Record<string, unknown> = { ...spec };
    for (const name of mutableOfStatefulSet) delete rest[name];
    return rest;
  };
  return isDeepStrictEqual(fixed(next.spec), fixed(current.spec))
    ? []
    : [
        forbidden(
          'spec',
          "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        ),
      ];
}

const counts = [
  'replicas',
  'readyReplicas',
  'currentReplicas',
  'updatedReplicas',
  'availableReplicas',
  'observedGeneration',
  'collisionCount',
];

export const statefulSetRules: KindRules<StatefulSet> = {
  type: statefulsets,
  nameRule: dnsLabelName,
  countsGeneration: true,
  setDefaults: setStatefulSetDefaults,
  validate: (set, _context, current) => validateStatefulSet(set, current),
  validateUpdate: validateStatefulSetUpdate,
  validateStatus: ({ status }, current) => [
    ...validateCounts(status ?? {}, counts),
    ...validateParts(
      status ?? {},
      ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'],
      'status.readyReplicas',
    ),
    ...validateCollisions(status, current.status),
  ],
  warnings: (set, previous) => [
    ...changedTemplateWarnings(set, previous, set.spec.template),
    ...((set.spec.revisionHistoryLimit ?? 0) < 0 ? [negativeHistory] : []),
  ],
  columns: [
    nameColumn,
    column(
      'Ready',
      'Number of the pod with ready state',
      ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    ),
    ageColumn,
    ...templateColumns<StatefulSet>(({ spec }) => spec.template),
  ],
};
