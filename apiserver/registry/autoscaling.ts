import type { HorizontalPodAutoscaler as OldAutoscaler } from '../../api/generated/autoscaling-v1.ts';
import type {
  HorizontalPodAutoscaler,
  HPAScalingPolicy,
  HPAScalingRules,
  MetricSpec,
} from '../../api/generated/autoscaling-v2.ts';
import {
  autoscalingV1Horizontalpodautoscalers,
  horizontalpodautoscalers,
} from '../../api/generated/resources.ts';
import { autoscalerConversion } from './autoscaler-conversion.ts';
import { validateAutoscaler, validateAutoscalerStatus } from './autoscaler-validation.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import type { KindRules } from './kind-rules.ts';
import { validateNonNegative } from './probe-validation.ts';

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
  validate: (autoscaler, _context, current) => validateAutoscaler(autoscaler, current),
  validateStatus: validateAutoscalerStatus,
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

/** Judged as what is stored of it. */
function asNew(autoscaler: OldAutoscaler): HorizontalPodAutoscaler {
  const { metadata } = autoscaler;
  const { spec } = autoscalerConversion.toStored({ ...autoscaler });
  return { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata, spec: Object(spec) };
}

export const oldAutoscalerRules: KindRules<OldAutoscaler> = {
  type: autoscalingV1Horizontalpodautoscalers,
  storedAs: { resource: 'autoscaling/horizontalpodautoscalers', conversion: autoscalerConversion },
  setDefaults({ spec }) {
    if (spec !== undefined) spec.minReplicas ??= 1;
  },
  validate: (autoscaler, _context, current) =>
    validateAutoscaler(asNew(autoscaler), current === undefined ? undefined : asNew(current)),
  validateStatus: ({ status }) => [
    ...validateNonNegative(status?.currentReplicas, 'status.currentReplicas'),
    ...validateNonNegative(status?.desiredReplicas, 'status.desiredReplicas'),
  ],
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
