import { isDeepStrictEqual } from 'node:util';
import type { DaemonSet, DaemonSetUpdateStrategy } from '../../api/generated/apps-v1.ts';
import { daemonsets } from '../../api/generated/resources.ts';
import { ageColumn, column, formatLabels, formatSelector, nameColumn, wide } from './columns.ts';
import { shownStrategy, validateSelectorFixed } from './deployment.ts';
import { invalid, required, unsupported } from './field-error.ts';
import { isZero, validateAtMostAll, validateIntOrPercent } from './int-or-percent.ts';
import type { KindRules } from './kind-rules.ts';
import { isWrongSelector, validateLabelSelector } from './label-selector.ts';
import { setTemplateDefaults } from './pod-spec-defaults.ts';
import { validateTemplate } from './pod-template-validation.ts';
import { validateNonNegative } from './probe-validation.ts';
import type { FieldError } from './strategy.ts';
import { templateColumns } from './workload-columns.ts';
import {
  type OwnedTemplate,
  validateCollisions,
  validateCounts,
  validateLifetime,
  validateSelected,
  validateSelects,
} from './workload-template-validation.ts';
import { changedTemplateWarnings } from './workload-warnings.ts';

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

/** Without a selector only the template is found wrong: nothing selects it. */
function validateDaemonSet({ spec }: DaemonSet, current: DaemonSet | undefined): FieldError[] {
  const owned: OwnedTemplate = { ...spec, owner: 'DaemonSet' };
  const keepsValues = isWrongSelector(current?.spec.selector);
  return [
    ...validateLabelSelector(spec.selector, 'spec.selector', { keepsValues }),
    ...validateSelected(owned),
    ...validateSelects(spec.selector, 'daemonset'),
    ...validateTemplate(spec.template ?? {}, 'spec.template'),
    ...validateLifetime(owned),
    ...validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...validateUpdateStrategy(spec.updateStrategy ?? {}),
    ...validateNonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'),
  ];
}

function validateUpdateStrategy(strategy: DaemonSetUpdateStrategy): FieldError[] {
  const field = 'spec.updateStrategy';
  if (strategy.type === 'OnDelete') return [];
  if (strategy.type !== 'RollingUpdate')
    return [unsupported(field, shownStrategy(strategy), ['RollingUpdate', 'OnDelete'])];
  const { maxUnavailable, maxSurge } = strategy.rollingUpdate ?? {};
  const [unavailableAt, surgeAt] = [
    `${field}.rollingUpdate.maxUnavailable`,
    `${field}.rollingUpdate.maxSurge`,
  ];
  const errors = [
    ...validateIntOrPercent(maxUnavailable, unavailableAt),
    ...validateIntOrPercent(maxSurge, surgeAt),
    ...validateAtMostAll(maxUnavailable, unavailableAt),
    ...validateAtMostAll(maxSurge, surgeAt),
  ];
  const [noneUnavailable, noSurge] = [isZero(maxUnavailable), isZero(maxSurge)];
  if (noneUnavailable && noSurge) errors.push(required(unavailableAt, 'cannot be 0 when maxSurge is 0'));
  if (!noneUnavailable && !noSurge)
    errors.push(invalid(surgeAt, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  return errors;
}

const counts = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
  'collisionCount',
];

/** How often the template has changed. */
const templateGenerationOf = ({ metadata }: DaemonSet): number =>
  Number.parseInt(metadata.annotations?.[templateGeneration] ?? '', 10) || 0;

function setTemplateGeneration(set: DaemonSet, generation: number): void {
  set.metadata.annotations = { ...set.metadata.annotations, [templateGeneration]: String(generation) };
}

export const daemonSetRules: KindRules<DaemonSet> = {
  type: daemonsets,
  countsGeneration: true,
  setDefaults: setDaemonSetDefaults,
  prepareForCreate: (set) => setTemplateGeneration(set, Math.max(1, templateGenerationOf(set))),
  prepareForUpdate(next, current, { subresource }) {
    const changed = subresource !== 'status' && !isDeepStrictEqual(next.spec.template, current.spec.template);
    setTemplateGeneration(next, Math.max(1, templateGenerationOf(current)) + (changed ? 1 : 0));
  },
  validate: (set, _context, current) => validateDaemonSet(set, current),
  validateUpdate: validateSelectorFixed,
  validateStatus: ({ status }, current) => [
    ...validateCounts(status ?? {}, counts),
    ...validateCollisions(status, current.status),
  ],
  warnings: (set, previous) => changedTemplateWarnings(set, previous, set.spec.template),
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
