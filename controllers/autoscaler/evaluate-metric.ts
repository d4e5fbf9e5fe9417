import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
  MetricTarget,
} from '../../api/generated/autoscaling-v2.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { formatQuantity, parseQuantity, toMillis } from '../../api/quantity.ts';
import { messageOf } from '../../base/invariant.ts';
import { isPodReady } from '../pod-state.ts';
import type { MetricsSource, PodMetrics } from './metrics-source.ts';
import {
  type PodsInput,
  type Proposal,
  replicasByAverage,
  replicasByTotal,
  replicasByUtilization,
  type Tolerance,
} from './replica-count.ts';

const defaultTolerance = 0.1;

export interface MetricContext {
  readonly source: MetricsSource;
  readonly namespace: string;
  /** Of the target's pods, as text. */
  readonly selector: string;
  readonly pods: readonly Pod[];
  readonly current: number;
  readonly tolerance: Tolerance;
  readonly nowMs: number;
  /** The plural of a kind that an Object metric describes. */
  pluralOf(reference: {
    readonly apiVersion?: string | undefined;
    readonly kind: string;
    readonly name: string;
  }): Promise<string>;
}

export interface Evaluation {
  readonly replicas: number;
  /** In words, for the reason of a change. */
  readonly name: string;
  readonly status: MetricStatus;
}

/** Why a metric cannot be had; `reason` is the condition's. */
export class MetricError extends Error {
  readonly code = 'METRIC';
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

export function toleranceOf({ spec }: HorizontalPodAutoscaler): Tolerance {
  const of = (text: string | undefined): number =>
    text === undefined ? defaultTolerance : toMillis(text) / 1_000;
  return { up: of(spec.behavior?.scaleUp?.tolerance), down: of(spec.behavior?.scaleDown?.tolerance) };
}

const fromMilli = (milli: number, like?: string): string =>
  formatQuantity({
    nanos: BigInt(Math.trunc(milli)) * 1_000_000n,
    format: like === undefined ? 'DecimalSI' : parseQuantity(like).format,
  });

/** @throws MetricError */
export async function evaluateMetric(metric: MetricSpec, context: MetricContext): Promise<Evaluation> {
  switch (metric.type) {
    case 'Resource':
      return orFail('FailedGetResourceMetric', () => evaluateResource(metric, context));
    case 'ContainerResource':
      return orFail('FailedGetContainerResourceMetric', () => evaluateResource(metric, context));
    case 'Pods':
      return orFail('FailedGetPodsMetric', () => evaluatePods(metric, context));
    case 'Object':
      return orFail('FailedGetObjectMetric', () => evaluateObject(metric, context));
    case 'External':
      return orFail('FailedGetExternalMetric', () => evaluateExternal(metric, context));
    default:
      throw new MetricError('InvalidMetricSourceType', `unknown metric source type "${metric.type}"`);
  }
}

async function orFail(reason: string, run: () => Promise<Evaluation>): Promise<Evaluation> {
  try {
    return await run();
  } catch (error) {
    throw new MetricError(reason, messageOf(error));
  }
}

const podsInput = (context: MetricContext, metrics: PodMetrics, isCpu: boolean): PodsInput => ({
  ...{ pods: context.pods, metrics, current: context.current, tolerance: context.tolerance },
  ...{ isCpu, nowMs: context.nowMs },
});

async function evaluateResource(metric: MetricSpec, context: MetricContext): Promise<Evaluation> {
  const { containerResource } = metric;
  const source = containerResource ?? metric.resource;
  if (source === undefined) throw new Error('invalid resource metric source');
  const { name: resource, target } = source;
  const container = containerResource?.container;
  const what = container === undefined ? resource : `${resource} of container ${container}`;
  let proposal: Proposal;
  try {
    const metrics = await resourceMetrics(context, resource, container);
    const input = podsInput(context, metrics, resource === 'cpu');
    proposal =
      target.averageUtilization === undefined
        ? replicasByAverage(input, toMillis(target.averageValue ?? '0'))
        : replicasByUtilization(input, target.averageUtilization, resource, container);
  } catch (error) {
    const kind = target.averageUtilization === undefined ? 'usage' : 'utilization';
    throw new Error(`failed to get ${what} ${kind}: ${messageOf(error)}`, { cause: error });
  }
  const { averageMilli, utilization, replicas } = proposal;
  const current = {
    averageValue: fromMilli(averageMilli, target.averageValue),
    ...(utilization === undefined ? {} : { averageUtilization: utilization }),
  };
  const shape = utilization === undefined ? '' : ' utilization (percentage of request)';
  const inWords = `${container === undefined ? '' : 'container '}resource ${what}`;
  const status: MetricStatus =
    container === undefined
      ? { type: metric.type, resource: { name: resource, current } }
      : { type: metric.type, containerResource: { name: resource, container, current } };
  return {
    replicas,
    status,
    name: `${inWords.replace('container resource', 'container resource metric')}${shape}`,
  };
}

async function resourceMetrics(
  { source, namespace, selector }: MetricContext,
  resource: string,
  container: string | undefined,
): Promise<PodMetrics> {
  try {
    return await source.resource({ namespace, selector, resource, container });
  } catch (error) {
    const message = `unable to get metrics for resource ${resource}: ${messageOf(error)}`;
    throw new Error(message, { cause: error });
  }
}

async function evaluatePods({ type, pods }: MetricSpec, context: MetricContext): Promise<Evaluation> {
  if (pods === undefined) throw new Error('invalid pods metric source');
  const { metric, target } = pods;
  const metrics = await context.source.pods(context.namespace, context.selector, metric.name);
  const input = podsInput(context, metrics, false);
  const { replicas, averageMilli } = replicasByAverage(input, toMillis(target.averageValue ?? '0'));
  const current = { averageValue: fromMilli(averageMilli) };
  return { replicas, name: `pods metric ${metric.name}`, status: { type, pods: { metric, current } } };
}

function byTotal(
  context: MetricContext,
  valueMilli: number,
  target: MetricTarget,
): {
  readonly replicas: number;
  readonly current: { readonly value?: string; readonly averageValue?: string };
} {
  const ready = context.pods.filter(isPodReady).length;
  const input = { current: context.current, ready, tolerance: context.tolerance };
  if (target.averageValue !== undefined) {
    const replicas = replicasByTotal(input, valueMilli, { averageMilli: toMillis(target.averageValue) });
    const averageValue = fromMilli(Math.ceil(valueMilli / Math.max(1, context.current)));
    return { replicas, current: { averageValue } };
  }
  const replicas = replicasByTotal(input, valueMilli, { totalMilli: toMillis(target.value ?? '0') });
  return { replicas, current: { value: fromMilli(valueMilli) } };
}

async function evaluateObject({ type, object }: MetricSpec, context: MetricContext): Promise<Evaluation> {
  if (object === undefined) throw new Error('invalid object metric source');
  const { describedObject, metric, target } = object;
  const plural = await context.pluralOf(describedObject);
  const { source, namespace } = context;
  const value = await source.object(namespace, plural, describedObject.name, metric.name);
  const { replicas, current } = byTotal(context, value, target);
  const status = { type, object: { describedObject, metric, current } };
  return { replicas, status, name: `${describedObject.kind} metric ${metric.name}` };
}

async function evaluateExternal({ type, external }: MetricSpec, context: MetricContext): Promise<Evaluation> {
  if (external === undefined) throw new Error('invalid external metric source');
  const { metric, target } = external;
  const value = await context.source.external(context.namespace, metric.name, metric.selector);
  const { replicas, current } = byTotal(context, value, target);
  return {
    replicas,
    status: { type, external: { metric, current } },
    name: `external metric ${metric.name}`,
  };
}
