import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HPAScalingPolicy,
  HPAScalingRules,
  MetricSpec,
  MetricTarget,
} from '../../api/generated/autoscaling-v2.ts';
import { parseQuantity } from '../../api/quantity.ts';
import { forbidden, invalid, required, unsupported } from './field-error.ts';
import { dnsLabelProblems, pathSegmentName } from './names.ts';
import { notNegative, validateNonNegative } from './probe-validation.ts';
import { validateContainerResourceName } from './resource-validation.ts';
import type { FieldError } from './strategy.ts';

const maxPeriodSeconds = 1800;
const maxWindowSeconds = 3600;
const metricTypes = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'];
const selectPolicies = ['Disabled', 'Max', 'Min'];
const policyTypes = ['Percent', 'Pods'];
const targetTypes = ['Utilization', 'Value', 'AverageValue'];

/** @param current whose wrong API versions, and whose zero, may stay */
export function validateAutoscaler(
  { spec }: HorizontalPodAutoscaler,
  current: HorizontalPodAutoscaler | undefined,
): FieldError[] {
  const { scaleTargetRef = { kind: '', name: '' }, minReplicas, maxReplicas = 0 } = spec ?? {};
  const fewest = current?.spec?.minReplicas === 0 ? 0 : 1;
  const errors: FieldError[] = [];
  if (minReplicas !== undefined && minReplicas < fewest)
    errors.push(invalid('spec.minReplicas', minReplicas, `must be greater than or equal to ${fewest}`));
  const field = 'spec.maxReplicas';
  if (maxReplicas === 0) errors.push(required(field, 'must be set and greater than 0'));
  if (maxReplicas < 0) errors.push(invalid(field, maxReplicas, 'must be greater than or equal to 1'));
  if (minReplicas !== undefined && maxReplicas < minReplicas)
    errors.push(invalid(field, maxReplicas, 'must be greater than or equal to `minReplicas`'));
  const old = current?.spec?.scaleTargetRef;
  const sameTarget = old?.kind === scaleTargetRef.kind && old.apiVersion === scaleTargetRef.apiVersion;
  errors.push(
    ...validateReferred(scaleTargetRef, 'spec.scaleTargetRef', {
      keepsVersion: sameTarget,
      needsGroup: scaleTargetRef.kind !== 'ReplicationController',
    }),
    ...validateMetrics(spec?.metrics ?? [], minReplicas, current?.spec?.metrics ?? []),
  );
  for (const name of ['scaleUp', 'scaleDown'] as const)
    errors.push(...validateScaling(spec?.behavior?.[name], `spec.behavior.${name}`));
  return errors;
}

export const validateAutoscalerStatus = ({ status }: HorizontalPodAutoscaler): FieldError[] => [
  ...validateNonNegative(status?.currentReplicas, 'status.currentReplicas'),
  ...validateNonNegative(status?.desiredReplicas, 'status.desiredReplicas'),
];

interface VersionRules {
  readonly keepsVersion: boolean;
  readonly needsGroup: boolean;
}

function validateReferred(
  { kind = '', name = '', apiVersion = '' }: CrossVersionObjectReference,
  field: string,
  { keepsVersion, needsGroup }: VersionRules,
): FieldError[] {
  const errors = [...validateSegment(kind, `${field}.kind`), ...validateSegment(name, `${field}.name`)];
  const problem = keepsVersion ? undefined : versionProblem(apiVersion, needsGroup);
  return problem === undefined ? errors : [...errors, invalid(`${field}.apiVersion`, apiVersion, problem)];
}

function versionProblem(apiVersion: string, needsGroup: boolean): string | undefined {
  const parts = apiVersion.split('/');
  if (parts.length > 2) return `unexpected GroupVersion string: ${apiVersion}`;
  return needsGroup && (parts.length === 1 || parts[0] === '')
    ? 'apiVersion must specify API group'
    : undefined;
}

function validateSegment(value: string, field: string, ifEmpty = ''): FieldError[] {
  if (value === '') return [required(field, ifEmpty)];
  return pathSegmentName(value, false).map((problem) => invalid(field, value, problem));
}

function validateMetrics(
  metrics: readonly MetricSpec[],
  minReplicas: number | undefined,
  current: readonly MetricSpec[],
): FieldError[] {
  const keepsVersion = current.some(
    ({ type, object }) =>
      type === 'Object' && versionProblem(object?.describedObject.apiVersion ?? '', false) !== undefined,
  );
  const errors = metrics.flatMap((metric, index) =>
    validateMetric(metric, `spec.metrics[${index}]`, keepsVersion),
  );
  if (minReplicas === 0 && !metrics.some(({ type }) => type === 'Object' || type === 'External'))
    errors.push(
      forbidden(
        'spec.metrics',
        'must specify at least one Object or External metric to support scaling to zero replicas',
      ),
    );
  return errors;
}

const sourceOf = {
  Object: 'object',
  External: 'external',
  Pods: 'pods',
  Resource: 'resource',
  ContainerResource: 'containerResource',
} as const;
const sources = Object.values(sourceOf);

/** Exactly the source that the type names; of several the first is looked at. */
function validateMetric(metric: MetricSpec, field: string, keepsVersion: boolean): FieldError[] {
  const { type = '' } = metric;
  const errors = type === '' ? [required(`${field}.type`, 'must specify a metric source type')] : [];
  if (!metricTypes.includes(type)) errors.push(unsupported(`${field}.type`, type, metricTypes));
  const present = sources.filter((source) => metric[source] !== undefined);
  if (present[0] !== undefined)
    errors.push(...validateSource(metric, present[0], `${field}.${present[0]}`, keepsVersion));
  const expected = Object.entries(sourceOf).find(([name]) => name === type)?.[1];
  if (expected !== undefined && metric[expected] === undefined)
    errors.push(required(`${field}.${expected}`, 'must populate information for the given metric source'));
  if (present.length === 1) return errors;
  const others = present.filter((source) => source !== expected);
  return [
    ...errors,
    ...others.map((source) => forbidden(`${field}.${source}`, 'must populate the given metric source only')),
  ];
}

function validateSource(
  { object, external, pods, resource, containerResource }: MetricSpec,
  source: (typeof sources)[number],
  field: string,
  keepsVersion: boolean,
): FieldError[] {
  const target = { ...object, ...external, ...pods, ...resource, ...containerResource }.target;
  const named = (metric: { readonly name?: string | undefined } | undefined): FieldError[] =>
    validateSegment(metric?.name ?? '', `${field}.metric.name`, 'must specify a metric name');
  switch (source) {
    case 'object':
      return [
        ...validateReferred(object?.describedObject ?? { kind: '', name: '' }, `${field}.describedObject`, {
          keepsVersion,
          needsGroup: false,
        }),
        ...named(object?.metric),
        ...validateTarget(object?.target, `${field}.target`),
        ...needsAverage(object?.target, field, 'must set either a target value or averageValue'),
      ];
    case 'external':
      return [
        ...named(external?.metric),
        ...validateTarget(external?.target, `${field}.target`),
        ...validateExternalTarget(external?.target, field),
      ];
    case 'pods':
      return [
        ...named(pods?.metric),
        ...validateTarget(pods?.target, `${field}.target`),
        ...(pods?.target.averageValue === undefined
          ? [required(`${field}.target.averageValue`, 'must specify a positive target averageValue')]
          : []),
      ];
    case 'resource':
      return [...validateResource(resource?.name, field), ...validateUtilization(target, field)];
    case 'containerResource':
      return [
        ...validateResource(containerResource?.name, field),
        ...(containerResource?.name === undefined || containerResource.name === ''
          ? []
          : validateContainerResourceName(containerResource.name, `${field}.name`)),
        ...validateContainer(containerResource?.container ?? '', `${field}.container`),
        ...validateUtilization(containerResource?.target, field),
      ];
  }
}

const validateResource = (name: string | undefined, field: string): FieldError[] =>
  (name ?? '') === '' ? [required(`${field}.name`, 'must specify a resource name')] : [];

const validateContainer = (name: string, field: string): FieldError[] =>
  name === ''
    ? [required(field, 'must specify a container')]
    : dnsLabelProblems(name).map((problem) => invalid(field, name, problem));

const needsAverage = (target: MetricTarget | undefined, field: string, detail: string): FieldError[] =>
  target?.value === undefined && target?.averageValue === undefined
    ? [required(`${field}.target.averageValue`, detail)]
    : [];

function validateExternalTarget(target: MetricTarget | undefined, field: string): FieldError[] {
  if (target?.value === undefined || target.averageValue === undefined)
    return needsAverage(target, field, 'must set either a target value for metric or a per-pod target');
  const detail = 'may not set both a target value for metric and a per-pod target';
  return [forbidden(`${field}.target.value`, detail)];
}

/** Of what pods ask for: a share of it, or an amount. */
function validateUtilization(target: MetricTarget | undefined, field: string): FieldError[] {
  const errors = validateTarget(target, `${field}.target`);
  const { averageUtilization, averageValue } = target ?? {};
  if (averageUtilization === undefined && averageValue === undefined)
    errors.push(
      required(
        `${field}.target.averageUtilization`,
        'must set either a target raw value or a target utilization',
      ),
    );
  if (averageUtilization !== undefined && averageValue !== undefined)
    errors.push(
      forbidden(
        `${field}.target.averageValue`,
        'may not set both a target raw value and a target utilization',
      ),
    );
  return errors;
}

function validateTarget(target: MetricTarget | undefined, field: string): FieldError[] {
  const type = target?.type ?? '';
  const errors = type === '' ? [required(`${field}.type`, 'must specify a metric target type')] : [];
  if (!targetTypes.includes(type))
    errors.push(invalid(`${field}.type`, type, 'must be either Utilization, Value, or AverageValue'));
  for (const name of ['value', 'averageValue'] as const) {
    const amount = target?.[name];
    if (amount !== undefined && parseQuantity(amount).nanos <= 0n)
      errors.push(invalid(`${field}.${name}`, amount, 'must be positive'));
  }
  const share = target?.averageUtilization;
  if (share !== undefined && share < 1)
    errors.push(invalid(`${field}.averageUtilization`, share, 'must be greater than 0'));
  return errors;
}

function validateScaling(rules: HPAScalingRules | undefined, field: string): FieldError[] {
  if (rules === undefined) return [];
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance } = rules;
  const errors: FieldError[] = [];
  const windowField = `${field}.stabilizationWindowSeconds`;
  if (window !== undefined && window < 0)
    errors.push(invalid(windowField, window, 'must be greater than or equal to zero'));
  if (window !== undefined && window > maxWindowSeconds)
    errors.push(invalid(windowField, window, `must be less than or equal to ${maxWindowSeconds}`));
  if (selectPolicy !== undefined && !selectPolicies.includes(selectPolicy))
    errors.push(unsupported(`${field}.selectPolicy`, selectPolicy, selectPolicies));
  if (policies.length === 0) errors.push(required(`${field}.policies`, 'must specify at least one Policy'));
  errors.push(...policies.flatMap((policy, index) => validatePolicy(policy, `${field}.policies[${index}]`)));
  if (tolerance !== undefined && parseQuantity(tolerance).nanos < 0n)
    errors.push(invalid(`${field}.tolerance`, tolerance, notNegative));
  return errors;
}

function validatePolicy({ type, value, periodSeconds }: HPAScalingPolicy, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!policyTypes.includes(type)) errors.push(unsupported(`${field}.type`, type, policyTypes));
  if (value <= 0) errors.push(invalid(`${field}.value`, value, 'must be greater than zero'));
  if (periodSeconds <= 0)
    errors.push(invalid(`${field}.periodSeconds`, periodSeconds, 'must be greater than zero'));
  if (periodSeconds > maxPeriodSeconds)
    errors.push(
      invalid(`${field}.periodSeconds`, periodSeconds, `must be less than or equal to ${maxPeriodSeconds}`),
    );
  return errors;
}
