import type { Pod } from '../../api/generated/core-v1.ts';
import { toMillis } from '../../api/quantity.ts';
import { isTerminating, podCondition } from '../pod-state.ts';
import type { PodMetric, PodMetrics } from './metrics-source.ts';

/** How many replicas a metric asks for. Pure; errors are what a user reads in the autoscaler's conditions. */

/** A pod that started less than this long ago may use much CPU only because it starts. */
const cpuInitializationMs = 5 * 60_000;
/** A pod that became unready this soon after its start has never been ready. */
const initialReadinessMs = 30_000;

export interface Tolerance {
  readonly up: number;
  readonly down: number;
}

export interface PodsInput {
  readonly pods: readonly Pod[];
  readonly metrics: PodMetrics;
  readonly current: number;
  readonly tolerance: Tolerance;
  /** CPU of a starting pod is not believed. */
  readonly isCpu: boolean;
  readonly nowMs: number;
}

export interface Proposal {
  readonly replicas: number;
  /** Per pod, in thousandths. */
  readonly averageMilli: number;
  readonly utilization?: number;
}

interface Groups {
  readonly ready: number;
  readonly unready: readonly string[];
  readonly missing: readonly string[];
  readonly values: Map<string, number>;
}

function groupPods({ pods, metrics, isCpu, nowMs }: PodsInput): Groups {
  const unready: string[] = [];
  const missing: string[] = [];
  const values = new Map([...metrics].map(([name, { milli }]) => [name, milli]));
  let ready = 0;
  for (const pod of pods) {
    const { name } = pod.metadata;
    const metric = metrics.get(name);
    if (isTerminating(pod) || pod.status?.phase === 'Failed') values.delete(name);
    else if (pod.status?.phase === 'Pending') unready.push(name);
    else if (metric === undefined) missing.push(name);
    else if (isCpu && isStarting(pod, metric, nowMs)) unready.push(name);
    else ready += 1;
  }
  const known = new Set(pods.map(({ metadata }) => metadata.name));
  for (const name of [...values.keys()]) if (!known.has(name)) values.delete(name);
  for (const name of unready) values.delete(name);
  return { ready, unready, missing, values };
}

function isStarting(pod: Pod, metric: PodMetric, nowMs: number): boolean {
  const condition = podCondition(pod, 'Ready');
  const startMs = Date.parse(pod.status?.startTime ?? '');
  if (condition === undefined || Number.isNaN(startMs)) return true;
  const changedMs = Date.parse(condition.lastTransitionTime ?? '');
  const isUnready = condition.status === 'False';
  if (startMs + cpuInitializationMs > nowMs)
    return isUnready || metric.timestampMs < changedMs + metric.windowMs;
  return isUnready && startMs + initialReadinessMs > changedMs;
}

const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);

const isWithin = (ratio: number, { up, down }: Tolerance): boolean => ratio >= 1 - down && ratio <= 1 + up;

interface Measure {
  readonly ratio: number;
  readonly averageMilli: number;
  readonly utilization?: number;
}

/**
 * The one rule behind all metrics of pods: as many as bring the ratio of use to target back to 1. Pods of which nothing
 * is known count against a change in either direction.
 */
function proportional(
  input: PodsInput,
  measure: (values: ReadonlyMap<string, number>) => Measure,
  assumed: (pod: string) => number,
): Proposal {
  if (input.pods.length === 0)
    throw new Error('no pods returned by selector while calculating replica count');
  const { ready, unready, missing, values } = groupPods(input);
  if (values.size === 0) throw new Error('did not receive metrics for targeted pods (pods might be unready)');
  const { current, tolerance } = input;
  const first = measure(values);
  const { ratio, ...shown } = first;
  const growsWithUnready = unready.length > 0 && ratio > 1;
  if (!growsWithUnready && missing.length === 0)
    return { ...shown, replicas: isWithin(ratio, tolerance) ? current : Math.ceil(ratio * ready) };
  for (const name of missing) values.set(name, ratio < 1 ? assumed(name) : 0);
  if (growsWithUnready) for (const name of unready) values.set(name, 0);
  const second = measure(values).ratio;
  const turned = (ratio < 1 && second > 1) || (ratio > 1 && second < 1);
  if (isWithin(second, tolerance) || turned) return { ...shown, replicas: current };
  const replicas = Math.ceil(second * values.size);
  const overshoots = (second < 1 && replicas > current) || (second > 1 && replicas < current);
  return { ...shown, replicas: overshoots ? current : replicas };
}

/** By an average per pod, in thousandths. */
export function replicasByAverage(input: PodsInput, targetMilli: number): Proposal {
  const measure = (values: ReadonlyMap<string, number>): Measure => {
    const averageMilli = sum(values.values()) / values.size;
    return { ratio: averageMilli / targetMilli, averageMilli };
  };
  return proportional(input, measure, () => targetMilli);
}

/** By use as a percentage of what the pods' containers request. */
export function replicasByUtilization(
  input: PodsInput,
  target: number,
  resource: string,
  container?: string,
): Proposal {
  // Those that end need not fit: they may be of an older template.
  const living = input.pods.filter((pod) => !isTerminating(pod) && pod.status?.phase !== 'Failed');
  const requests = new Map(living.map((pod) => [pod.metadata.name, requestOf(pod, resource, container)]));
  const measure = (values: ReadonlyMap<string, number>): Measure => {
    const total = sum(values.values());
    const requested = sum([...values.keys()].map((name) => requests.get(name) ?? 0));
    if (requested === 0) throw new Error('no metrics returned matched known pods');
    const utilization = Math.trunc((total * 100) / requested);
    return { ratio: utilization / target, averageMilli: total / values.size, utilization };
  };
  const fallback = Math.max(100, target) / 100;
  return proportional(input, measure, (name) => (requests.get(name) ?? 0) * fallback);
}

function requestOf({ metadata, spec }: Pod, resource: string, only: string | undefined): number {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const containers = [...spec.containers, ...sidecars];
  const chosen = only === undefined ? containers : containers.filter(({ name }) => name === only);
  if (chosen.length === 0) throw new Error(`container ${only} not found in Pod ${metadata.name}`);
  return chosen.reduce((total, { name, resources }) => {
    const request = resources?.requests?.[resource];
    if (request === undefined)
      throw new Error(`missing request for ${resource} in container ${name} of Pod ${metadata.name}`);
    return total + toMillis(request);
  }, 0);
}

/** By a value for all pods together: of an object, or from outside. */
export function replicasByTotal(
  input: { readonly current: number; readonly ready: number; readonly tolerance: Tolerance },
  valueMilli: number,
  target: { readonly totalMilli: number } | { readonly averageMilli: number },
): number {
  if ('averageMilli' in target) {
    const ratio = valueMilli / (target.averageMilli * input.current);
    return isWithin(ratio, input.tolerance) ? input.current : Math.ceil(valueMilli / target.averageMilli);
  }
  const ratio = valueMilli / target.totalMilli;
  return isWithin(ratio, input.tolerance) ? input.current : Math.ceil(ratio * input.ready);
}
