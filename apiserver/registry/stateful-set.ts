import { isDeepStrictEqual } from 'node:util';
import type { ControllerRevision, DaemonSet, StatefulSet } from '../../api/generated/apps-v1.ts';
import type { PodTemplate, ReplicationController } from '../../api/generated/core-v1.ts';
import {
  controllerrevisions,
  daemonsets,
  podtemplates,
  replicationcontrollers,
  statefulsets,
} from '../../api/generated/resources.ts';
import { ageColumn, column, formatLabels, formatSelector, nameColumn, wide } from './columns.ts';
import { validateSelectorFixed } from './deployment.ts';
import { forbidden, invalid, oneOf, required } from './field-error.ts';
import { isZero, validateAtMostAll, validateIntOrPercent } from './int-or-percent.ts';
import type { KindRules } from './kind-rules.ts';
import { isEmptySelector, validateLabelSelector } from './label-selector.ts';
import { setTemplateDefaults } from './pod-spec-defaults.ts';
import { validateOwnedTemplate, validateTemplate } from './pod-template-validation.ts';
import { validateNonNegative } from './probe-validation.ts';
import type { FieldError } from './strategy.ts';
import { setClaimSpecDefaults } from './volume-defaults.ts';
import { templateColumns } from './workload-columns.ts';

function setStatefulSetDefaults({ spec }: StatefulSet): void {
  spec.podManagementPolicy ??= 'OrderedReady';
  spec.updateStrategy ??= {};
  spec.updateStrategy.type ??= 'RollingUpdate';
  if (spec.updateStrategy.type === 'RollingUpdate') {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.partition ??= 0;
  }
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

function validateStatefulSet({ spec }: StatefulSet): FieldError[] {
  const errors = [
    ...oneOf('spec.podManagementPolicy', spec.podManagementPolicy, ['OrderedReady', 'Parallel']),
    ...oneOf('spec.updateStrategy', spec.updateStrategy?.type, ['OnDelete', 'RollingUpdate']),
    ...validateNonNegative(
      spec.updateStrategy?.rollingUpdate?.partition,
      'spec.updateStrategy.rollingUpdate.partition',
    ),
    ...validateNonNegative(spec.replicas, 'spec.replicas'),
    ...validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...validateNonNegative(spec.ordinals?.start, 'spec.ordinals.start'),
  ];
  if (spec.selector === undefined) errors.push(required('spec.selector'));
  else {
    errors.push(...validateLabelSelector(spec.selector, 'spec.selector'));
    if (isEmptySelector(spec.selector))
      errors.push(invalid('spec.selector', spec.selector, 'empty selector is invalid for statefulset'));
  }
  return [...errors, ...validateOwnedTemplate(spec.selector, withClaims(spec), 'spec.template')];
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

export const statefulSetRules: KindRules<StatefulSet> = {
  type: statefulsets,
  countsGeneration: true,
  setDefaults: setStatefulSetDefaults,
  validate: validateStatefulSet,
  validateUpdate: validateStatefulSetUpdate,
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

const templateGeneration = 'deprecated.daemonset.template.generation';

function setDaemonSetDefaults({ spec }: DaemonSet): void {
  spec.updateStrategy ??= {};
  spec.updateStrategy.type ??= 'RollingUpdate';
  if (spec.updateStrategy.type === 'RollingUpdate') {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
    spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
  }
  spec.revisionHistoryLimit ??= 10;
  setTemplateDefaults(spec.template);
}

function validateDaemonSet({ spec }: DaemonSet): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.selector === undefined) errors.push(required('spec.selector'));
  else {
    errors.push(...validateLabelSelector(spec.selector, 'spec.selector'));
    if (isEmptySelector(spec.selector))
      errors.push(invalid('spec.selector', spec.selector, 'empty selector is invalid for daemonset'));
  }
  errors.push(...validateOwnedTemplate(spec.selector, spec.template, 'spec.template'));
  errors.push(...validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds'));
  const rolling = spec.updateStrategy?.rollingUpdate;
  const field = 'spec.updateStrategy.rollingUpdate';
  if (spec.updateStrategy?.type === 'RollingUpdate') {
    errors.push(...validateIntOrPercent(rolling?.maxUnavailable, `${field}.maxUnavailable`));
    errors.push(...validateIntOrPercent(rolling?.maxSurge, `${field}.maxSurge`));
    const [noneUnavailable, noSurge] = [isZero(rolling?.maxUnavailable), isZero(rolling?.maxSurge)];
    if (noneUnavailable && noSurge)
      errors.push(
        invalid(`${field}.maxUnavailable`, rolling?.maxUnavailable, 'cannot be 0 when maxSurge is 0'),
      );
    if (!noneUnavailable && !noSurge)
      errors.push(
        invalid(`${field}.maxSurge`, rolling?.maxSurge, 'may not be set when maxUnavailable is non-zero'),
      );
    errors.push(...validateAtMostAll(rolling?.maxUnavailable, `${field}.maxUnavailable`));
  } else
    errors.push(...oneOf('spec.updateStrategy', spec.updateStrategy?.type, ['OnDelete', 'RollingUpdate']));
  return [...errors, ...validateNonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit')];
}

export const daemonSetRules: KindRules<DaemonSet> = {
  type: daemonsets,
  countsGeneration: true,
  setDefaults: setDaemonSetDefaults,
  prepareForCreate({ metadata }) {
    metadata.annotations = { ...metadata.annotations, [templateGeneration]: '1' };
  },
  prepareForUpdate(next, current, context) {
    if (context.subresource === 'status') return;
    const before = Number(current.metadata.annotations?.[templateGeneration] ?? '1');
    const changed = !isDeepStrictEqual(next.spec.template, current.spec.template);
    const generation = String(changed ? before + 1 : before);
    next.metadata.annotations = { ...next.metadata.annotations, [templateGeneration]: generation };
  },
  validate: validateDaemonSet,
  validateUpdate: validateSelectorFixed,
  columns: [
    nameColumn,
    column(
      'Desired',
      'The total number of nodes that should be running the daemon pod.',
      ({ status }) => status?.desiredNumberScheduled ?? 0,
      'integer',
    ),
    column(
      'Current',
      'The number of nodes that are running at least 1 daemon pod and are supposed to run it.',
      ({ status }) => status?.currentNumberScheduled ?? 0,
      'integer',
    ),
    column(
      'Ready',
      'Number of nodes that should run the daemon pod and have one ready.',
      ({ status }) => status?.numberReady ?? 0,
      'integer',
    ),
    column(
      'Up-to-date',
      'The total number of nodes that are running updated daemon pod',
      ({ status }) => status?.updatedNumberScheduled ?? 0,
      'integer',
    ),
    column(
      'Available',
      'The number of nodes with an available daemon pod.',
      ({ status }) => status?.numberAvailable ?? 0,
      'integer',
    ),
    column('Node Selector', 'Nodes that the daemon pods are for.', ({ spec }) =>
      formatLabels(spec.template.spec?.nodeSelector),
    ),
    ageColumn,
    ...templateColumns<DaemonSet>(({ spec }) => spec.template),
    wide(
      column('Selector', 'A label query over pods that are managed by the daemon set.', ({ spec }) =>
        formatSelector(spec.selector),
      ),
    ),
  ],
};

export const replicationControllerRules: KindRules<ReplicationController> = {
  type: replicationcontrollers,
  countsGeneration: true,
  setDefaults({ metadata, spec }) {
    const labels = spec?.template?.metadata?.labels;
    if (spec === undefined) return;
    if (labels !== undefined) {
      if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
      if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
    }
    spec.replicas ??= 1;
    setTemplateDefaults(spec.template);
  },
  validate({ spec }) {
    if (spec === undefined) return [required('spec.selector')];
    const errors = validateNonNegative(spec.replicas, 'spec.replicas');
    if (Object.keys(spec.selector ?? {}).length === 0) errors.push(required('spec.selector'));
    if (spec.template === undefined) return [...errors, required('spec.template')];
    return [
      ...errors,
      ...validateOwnedTemplate({ matchLabels: spec.selector }, spec.template, 'spec.template'),
    ];
  },
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  columns: [
    nameColumn,
    column('Desired', 'Number of desired replicas.', ({ spec }) => spec?.replicas ?? 0, 'integer'),
    column('Current', 'Number of replicas that there are.', ({ status }) => status?.replicas ?? 0, 'integer'),
    column(
      'Ready',
      'The number of ready replicas for this replication controller.',
      ({ status }) => status?.readyReplicas ?? 0,
      'integer',
    ),
    ageColumn,
    ...templateColumns<ReplicationController>(({ spec }) => spec?.template),
    wide(
      column('Selector', 'A label query over the pods that are counted.', ({ spec }) =>
        formatLabels(spec?.selector),
      ),
    ),
  ],
};

export const podTemplateRules: KindRules<PodTemplate> = {
  type: podtemplates,
  countsGeneration: true,
  setDefaults: ({ template }) => setTemplateDefaults(template),
  validate: ({ template }) => (template === undefined ? [] : validateTemplate(template, 'template')),
  columns: [
    nameColumn,
    column('Containers', 'Names of each container in the template.', ({ template }) =>
      (template?.spec?.containers ?? []).map(({ name }) => name).join(','),
    ),
    column('Images', 'Images referenced by each container in the template.', ({ template }) =>
      (template?.spec?.containers ?? []).map(({ image }) => image ?? '').join(','),
    ),
    column('Pod Labels', 'The labels for the pod template.', ({ template }) =>
      formatLabels(template?.metadata?.labels),
    ),
  ],
};

export const controllerRevisionRules: KindRules<ControllerRevision> = {
  type: controllerrevisions,
  validate: ({ revision, data }) => [
    ...(data === undefined ? [required('data', 'data is mandatory')] : []),
    ...validateNonNegative(revision, 'revision'),
  ],
  validateUpdate: (next, current) =>
    isDeepStrictEqual(next.data, current.data) ? [] : [invalid('data', next.data, 'field is immutable')],
  columns: [
    nameColumn,
    column('Controller', 'Controller of the object', ({ metadata }) => {
      const owner = (metadata.ownerReferences ?? []).find(({ controller }) => controller === true);
      if (owner === undefined) return '<none>';
      const [group = ''] = owner.apiVersion.includes('/') ? owner.apiVersion.split('/') : [''];
      const kind = owner.kind.toLowerCase();
      return `${kind}${group === '' ? '' : `.${group}`}/${owner.name}`;
    }),
    column('Revision', 'Revision of the ControllerRevision object', ({ revision }) => revision, 'string'),
    ageColumn,
  ],
};
