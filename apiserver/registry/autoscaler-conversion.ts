import type { AnyObject } from '../../api/kind-info.ts';
import type { StorageConversion } from './strategy.ts';

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const fieldsOf = (value: unknown): Fields => (isObject(value) ? value : {});

/** What v1 cannot say of an autoscaler travels in these annotations. */
const carried = {
  metrics: 'autoscaling.alpha.kubernetes.io/metrics',
  behavior: 'autoscaling.alpha.kubernetes.io/behavior',
  conditions: 'autoscaling.alpha.kubernetes.io/conditions',
} as const;

function parse(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // Written by hand, and wrong: then nothing was carried.
    return undefined;
  }
}

const isCpu = (metric: unknown): boolean =>
  isObject(metric) && metric['type'] === 'Resource' && fieldsOf(metric['resource'])['name'] === 'cpu';

/** What one that names no metric aims at. */
const defaultMetric = {
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
};

function withoutCarried(
  annotations: Readonly<Record<string, string>> | undefined,
): Record<string, string> | undefined {
  const names: readonly string[] = Object.values(carried);
  const rest = Object.entries(annotations ?? {}).filter(([name]) => !names.includes(name));
  return rest.length === 0 ? undefined : Object.fromEntries(rest);
}

function toStored(object: AnyObject): AnyObject {
  const { targetCPUUtilizationPercentage: percent, ...spec } = fieldsOf(object['spec']);
  const { annotations, ...metadata } = object.metadata;
  const others = parse(annotations?.[carried.metrics]);
  const cpu = {
    type: 'Resource',
    resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percent } },
  };
  const written = [...(percent === undefined ? [] : [cpu]), ...(Array.isArray(others) ? others : [])];
  const metrics = written.length === 0 ? [defaultMetric] : written;
  const behavior = parse(annotations?.[carried.behavior]);
  const { currentCPUUtilizationPercentage: current, currentReplicas, ...status } = fieldsOf(object['status']);
  // v1 writes it always, v2 only when there are any.
  const replicas = currentReplicas === undefined || currentReplicas === 0 ? {} : { currentReplicas };
  const kept = withoutCarried(annotations);
  const currentMetrics =
    current === undefined
      ? null
      : [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: current } } }];
  return {
    apiVersion: 'autoscaling/v2',
    kind: object.kind,
    metadata: kept === undefined ? metadata : { ...metadata, annotations: kept },
    spec: {
      ...spec,
      metrics,
      ...(behavior === undefined ? {} : { behavior }),
    },
    status: { ...status, ...replicas, desiredReplicas: status['desiredReplicas'] ?? 0, currentMetrics },
  };
}

function fromStored(stored: AnyObject): AnyObject {
  const { metrics, behavior, ...spec } = fieldsOf(stored['spec']);
  const { currentMetrics, conditions, ...status } = fieldsOf(stored['status']);
  const all: readonly unknown[] = Array.isArray(metrics) ? metrics : [];
  const cpu = all.find(isCpu);
  const percent = fieldsOf(fieldsOf(fieldsOf(cpu)['resource'])['target'])['averageUtilization'];
  const others = all.filter((metric) => metric !== cpu || percent === undefined);
  const annotations: Record<string, string> = { ...stored.metadata.annotations };
  if (others.length > 0) annotations[carried.metrics] = JSON.stringify(others);
  if (behavior !== undefined) annotations[carried.behavior] = JSON.stringify(behavior);
  if (Array.isArray(conditions) && conditions.length > 0)
    annotations[carried.conditions] = JSON.stringify(conditions);
  const measured = Array.isArray(currentMetrics) ? currentMetrics.find(isCpu) : undefined;
  const current = fieldsOf(fieldsOf(fieldsOf(measured)['resource'])['current'])['averageUtilization'];
  return {
    apiVersion: 'autoscaling/v1',
    kind: stored.kind,
    metadata: Object.keys(annotations).length === 0 ? stored.metadata : { ...stored.metadata, annotations },
    spec: { ...spec, ...(percent === undefined ? {} : { targetCPUUtilizationPercentage: percent }) },
    status: {
      currentReplicas: 0,
      ...status,
      ...(current === undefined ? {} : { currentCPUUtilizationPercentage: current }),
    },
  };
}

/** autoscaling/v1 is a view of what is stored as v2. */
export const autoscalerConversion: StorageConversion = { toStored, fromStored };
