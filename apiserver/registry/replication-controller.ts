import { isDeepStrictEqual } from 'node:util';
import type { ControllerRevision } from '../../api/generated/apps-v1.ts';
import type { PodTemplate, ReplicationController } from '../../api/generated/core-v1.ts';
import { controllerrevisions, podtemplates, replicationcontrollers } from '../../api/generated/resources.ts';
import { ageColumn, column, formatLabels, nameColumn, wide } from './columns.ts';
import { validateReplicaCounts } from './deployment.ts';
import { invalid, required } from './field-error.ts';
import type { KindRules } from './kind-rules.ts';
import { setTemplateDefaults } from './pod-spec-defaults.ts';
import { validateTemplate } from './pod-template-validation.ts';
import { templateWarnings } from './pod-warnings.ts';
import { validateNonNegative } from './probe-validation.ts';
import type { FieldError } from './strategy.ts';
import { templateColumns } from './workload-columns.ts';
import { type OwnedTemplate, validateLifetime, validateSelected } from './workload-template-validation.ts';
import { changedTemplateWarnings, nameWarnings } from './workload-warnings.ts';

function validateController({ spec = {} }: ReplicationController): FieldError[] {
  const { selector = {}, template } = spec;
  const errors = validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds');
  const isEmpty = Object.keys(selector).length === 0;
  if (isEmpty) errors.push(required('spec.selector'));
  errors.push(...validateNonNegative(spec.replicas, 'spec.replicas'));
  if (template === undefined) return [...errors, required('spec.template')];
  const owned: OwnedTemplate = {
    selector: { matchLabels: selector },
    template,
    owner: 'ReplicationController',
  };
  return [
    ...errors,
    ...(isEmpty ? [] : validateSelected(owned)),
    ...validateTemplate(template, 'spec.template'),
    ...validateLifetime(owned),
  ];
}

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
  validate: validateController,
  validateStatus: ({ status }) => validateReplicaCounts(status),
  warnings: (controller, previous) => [
    ...nameWarnings(controller, previous),
    ...changedTemplateWarnings(controller, previous, controller.spec?.template),
  ],
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
  validate: ({ template }) => validateTemplate(template ?? {}, 'template'),
  warnings: ({ template }, previous) =>
    isDeepStrictEqual(template, previous?.template) ? [] : templateWarnings(template, 'template.spec'),
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
