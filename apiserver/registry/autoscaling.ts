import type { HorizontalPodAutoscaler as OldAutoscaler } from '../../api/generated/autoscaling-v1.ts';
import type {
  HorizontalPodAutoscaler,
  HPAScalingPolicy,
  HPAScalingRules,
  MetricSpec,
} from '../../api/generated/autoscaling-v2.ts';
import type { PodDisruptionBudget } from '../../api/generated/policy-v1.ts';
import {
  autoscalingV1Horizontalpodautoscalers,
  horizontalpodautoscalers,
  poddisruptionbudgets,
} from '../../api/generated/resources.ts';
import { autoscalerConversion } from './autoscaler-conversion.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { invalid, required, unsupportedSorted } from './field-error.ts';
import { validateAtMostAll, validateIntOrPercent } from './int-or-percent.ts';
import type { KindRules } from './kind-rules.ts';
import { validateLabelSelector } from './label-selector.ts';
import type { FieldError } from './strategy.ts';

const defaultCpuPercent = 80;

function setScalingDefaults(
  rules: HPAScalingRules,
  policies: HPAScalingPolicy[],
  stabilization: number | undefined,
): void {
  rules.selectPolicy ??= 'Max';
  if (stabilization !== undefined) rules.stabilizationWindowSeconds ??= stabilization;
  if ((rules.policies ?? []).length === 0) rules.policies = policies;
}

function setDefaults({ spec }: HorizontalPodAutoscaler): void {
  if (spec === undefined) return;
  spec.minReplicas ??= 1;
  if ((spec.metrics ?? []).length === 0)
    spec.metrics = [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: defaultCpuPercent } },
      },
    ];
  if (spec.behavior === undefined) return;
  spec.behavior.scaleUp ??= {};
  spec.behavior.scaleDown ??= {};
  const everything = { type: 'Percent', value: 100, periodSeconds: 15 };
  setScalingDefaults(spec.behavior.scaleUp, [{ type: 'Pods', value: 4, periodSeconds: 15 }, everything], 0);
  setScalingDefaults(spec.behavior.scaleDown, [{ ...everything }], undefined);
}

function validate({ spec }: HorizontalPodAutoscaler): FieldError[] {
  if (spec === undefined) return [required('spec.scaleTargetRef.kind'), required('spec.scaleTargetRef.name')];
  const errors: FieldError[] = [];
  if (spec.minReplicas !== undefined && spec.minReplicas < 1)
    errors.push(invalid('spec.minReplicas', spec.minReplicas, 'must be greater than or equal to 1'));
  if (spec.maxReplicas < 1)
    errors.push(invalid('spec.maxReplicas', spec.maxReplicas, 'must be greater than 0'));
  if (spec.minReplicas !== undefined && spec.maxReplicas < spec.minReplicas)
    errors.push(
      invalid('spec.maxReplicas', spec.maxReplicas, 'must be greater than or equal to `minReplicas`'),
    );
  if (spec.scaleTargetRef.kind === '') errors.push(required('spec.scaleTargetRef.kind'));
  if (spec.scaleTargetRef.name === '') errors.push(required('spec.scaleTargetRef.name'));
  const types = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'];
  for (const [index, metric] of (spec.metrics ?? []).entries())
    if (!types.includes(metric.type))
      errors.push(unsupportedSorted(`spec.metrics[${index}].type`, metric.type, types));
  return errors;
}

function metricText(metric: MetricSpec): string {
  const target = (
    value:
      | {
          averageUtilization?: number | undefined;
          averageValue?: string | undefined;
          value?: string | undefined;
        }
      | undefined,
  ) =>
    value?.averageUtilization === undefined
      ? (value?.averageValue ?? value?.value ?? '<auto>')
      : `${value.averageUtilization}%`;
  switch (metric.type) {
    case 'Resource':
      return `${metric.resource?.name}: <unknown>/${target(metric.resource?.target)}`;
    case 'ContainerResource':
      return `${metric.containerResource?.name}: <unknown>/${target(metric.containerResource?.target)}`;
    default:
      return `<unknown>/${target(metric.pods?.target ?? metric.object?.target ?? metric.external?.target)}`;
  }
}

const shownMetrics = 2;

function metricsText(metrics: readonly MetricSpec[]): string {
  if (metrics.length === 0) return '<none>';
  const more = metrics.length > shownMetrics ? ` + ${metrics.length - shownMetrics} more...` : '';
  return metrics.slice(0, shownMetrics).map(metricText).join(', ') + more;
}

export const autoscalerRules: KindRules<HorizontalPodAutoscaler> = {
  type: horizontalpodautoscalers,
  setDefaults,
  validate,
  columns: [
    nameColumn,
    column(
      'Reference',
      'What is scaled.',
      ({ spec }) => `${spec?.scaleTargetRef.kind}/${spec?.scaleTargetRef.name}`,
    ),
    column('Targets', 'What is aimed at.', ({ spec }) => metricsText(spec?.metrics ?? [])),
    column('MinPods', 'Fewest pods.', ({ spec }) => String(spec?.minReplicas ?? '<unset>')),
    column('MaxPods', 'Most pods.', ({ spec }) => spec?.maxReplicas ?? 0),
    column('Replicas', 'Pods there are.', ({ status }) => status?.currentReplicas ?? 0),
    ageColumn,
  ],
};

export const oldAutoscalerRules: KindRules<OldAutoscaler> = {
  type: autoscalingV1Horizontalpodautoscalers,
  storedAs: { resource: 'autoscaling/horizontalpodautoscalers', conversion: autoscalerConversion },
  setDefaults({ spec }) {
    if (spec !== undefined) spec.minReplicas ??= 1;
  },
  columns: [
    nameColumn,
    column(
      'Reference',
      'What is scaled.',
      ({ spec }) => `${spec?.scaleTargetRef.kind}/${spec?.scaleTargetRef.name}`,
    ),
    column('MinPods', 'Fewest pods.', ({ spec }) => String(spec?.minReplicas ?? '<unset>')),
    column('MaxPods', 'Most pods.', ({ spec }) => spec?.maxReplicas ?? 0),
    column('Replicas', 'Pods there are.', ({ status }) => status?.currentReplicas ?? 0),
    ageColumn,
  ],
};

function validateBudget({ spec }: PodDisruptionBudget): FieldError[] {
  const errors: FieldError[] = [];
  if (spec?.minAvailable !== undefined && spec.maxUnavailable !== undefined)
    errors.push(invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set'));
  for (const name of ['minAvailable', 'maxUnavailable'] as const)
    errors.push(
      ...validateIntOrPercent(spec?.[name], `spec.${name}`),
      ...validateAtMostAll(spec?.[name], `spec.${name}`),
    );
  errors.push(...validateLabelSelector(spec?.selector, 'spec.selector'));
  const policy = spec?.unhealthyPodEvictionPolicy;
  const policies = ['AlwaysAllow', 'IfHealthyBudget'];
  if (policy !== undefined && !policies.includes(policy))
    errors.push(unsupportedSorted('spec.unhealthyPodEvictionPolicy', policy, policies));
  return errors;
}

export const disruptionBudgetRules: KindRules<PodDisruptionBudget> = {
  type: poddisruptionbudgets,
  countsGeneration: true,
  validate: validateBudget,
  validateStatus({ status }) {
    const names = ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const;
    return names.flatMap((name) =>
      (status?.[name] ?? 0) < 0
        ? [invalid(`status.${name}`, status?.[name], 'must be greater than or equal to 0')]
        : [],
    );
  },
  columns: [
    nameColumn,
    column('Min Available', 'The minimum number of pods that must be available.', ({ spec }) =>
      String(spec?.minAvailable ?? 'N/A'),
    ),
    column('Max Unavailable', 'The maximum number of pods that may be unavailable.', ({ spec }) =>
      String(spec?.maxUnavailable ?? 'N/A'),
    ),
    column(
      'Allowed Disruptions',
      'Calculated number of pods that may be disrupted at this time.',
      ({ status }) => status?.disruptionsAllowed ?? 0,
      'integer',
    ),
    ageColumn,
  ],
};
