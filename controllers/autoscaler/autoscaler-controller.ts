import type { Scale } from '../../api/generated/autoscaling-v1.ts';
import type { HorizontalPodAutoscaler, MetricStatus } from '../../api/generated/autoscaling-v2.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { horizontalpodautoscalers } from '../../api/generated/resources.ts';
import { matchesSelector } from '../../api/selector.ts';
import { isConflict } from '../../api/status-error.ts';
import { toTime } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import { keyOf, splitKey } from '../../client/object-key.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { ScaleClient } from '../scale-client.ts';
import { exactTerm } from '../selector-index.ts';
import { labelIndex, labelTerm } from '../shared-informers.ts';
import { isSame } from '../structural-equality.ts';
import { type Conditions, withBounds, withCondition } from './autoscaler-conditions.ts';
import { boundReplicas, noHistory, type ScalingHistory, withChange, withRecommendation } from './behavior.ts';
import { type Evaluation, evaluateMetric, MetricError, toleranceOf } from './evaluate-metric.ts';
import { MetricsSource } from './metrics-source.ts';
import { parseSelectorText } from './selector-text.ts';

const workers = 5;
/** How often each autoscaler looks at its metrics, as in Kubernetes. */
const periodMs = 15_000;

interface Decision {
  readonly desired: number;
  readonly reason: string;
  readonly conditions: Conditions;
  readonly currentMetrics: readonly MetricStatus[] | undefined;
  readonly failure: { readonly error: unknown } | undefined;
}

/** Scales targets by metrics, every 15 seconds. */
export class AutoscalerController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #events: EventSink;
  readonly #scales: ScaleClient;
  readonly #metrics: MetricsSource;
  readonly #history = new Map<string, ScalingHistory>();
  readonly #loop: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#events = context.eventsOf('horizontal-pod-autoscaler');
    this.#scales = new ScaleClient(context);
    this.#metrics = new MetricsSource(context.client);
    const { autoscalers, pods } = context.informers;
    this.#loop = new ReconcileLoop({
      ...{ ...loopOptions(context, 'horizontal-pod-autoscaler', workers), needs: [autoscalers, pods] },
      sync: (key) => this.#sync(key),
    });
    autoscalers.addHandler({
      onAdd: (autoscaler) => this.#loop.enqueue(keyOf(autoscaler)),
      onUpdate: (previous, autoscaler) => {
        if (!isSame(previous.spec, autoscaler.spec)) this.#loop.enqueue(keyOf(autoscaler));
      },
      onDelete: (autoscaler) => this.#history.delete(keyOf(autoscaler)),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }

  async #sync(key: string): Promise<SyncResult | undefined> {
    const { namespace = '', name } = splitKey(key);
    const autoscaler = this.#context.informers.autoscalers.lister.get(namespace, name);
    if (autoscaler === undefined) return undefined;
    const scale = await this.#target(autoscaler, namespace);
    if (scale !== undefined) await this.#reconcile(key, autoscaler, scale);
    return { requeueAfterMs: periodMs };
  }

  /** The target's scale; says so in the status when it cannot be had. */
  async #target(autoscaler: HorizontalPodAutoscaler, namespace: string): Promise<Scale | undefined> {
    const { scaleTargetRef } = autoscaler.spec;
    let why: string;
    try {
      const scale = await this.#scales.get(namespace, scaleTargetRef);
      if (scale !== undefined) return scale;
      const type = await this.#scales.typeOf(scaleTargetRef);
      const group = type === undefined || type.group === '' ? '' : `.${type.group}`;
      why =
        type === undefined
          ? `no matches for kind "${scaleTargetRef.kind}" in group "${(scaleTargetRef.apiVersion ?? '').split('/')[0]}"`
          : `${type.plural}${group} "${scaleTargetRef.name}" not found`;
    } catch (error) {
      why = messageOf(error);
    }
    this.#report(autoscaler, 'Warning', 'FailedGetScale', why);
    const message = `the HPA controller was unable to get the target's current scale: ${why}`;
    const nowMs = this.#context.clock.nowMs();
    const before = autoscaler.status?.conditions ?? [];
    const conditions = withCondition(before, 'AbleToScale', 'False', ['FailedGetScale', message], nowMs);
    await this.#store(autoscaler, { conditions });
    return undefined;
  }

  async #reconcile(key: string, autoscaler: HorizontalPodAutoscaler, scale: Scale): Promise<void> {
    const nowMs = this.#context.clock.nowMs();
    const current = scale.spec.replicas ?? 0;
    if (!this.#history.has(key)) this.#history.set(key, withRecommendation(noHistory, current, nowMs));
    const got = "the HPA controller was able to get the target's current scale";
    const before = autoscaler.status?.conditions ?? [];
    const able = withCondition(before, 'AbleToScale', 'True', ['SucceededGetScale', got], nowMs);
    const decision = await this.#decide(key, autoscaler, scale, able);
    let { conditions } = decision;
    let desired = decision.failure === undefined ? decision.desired : current;
    let lastScaleTime = autoscaler.status?.lastScaleTime;
    if (desired !== current) {
      const done = await this.#rescale(key, autoscaler, scale, decision);
      conditions = withCondition(conditions, 'AbleToScale', ...done.condition, nowMs);
      if (done.isDone) lastScaleTime = toTime(nowMs);
      else desired = current;
    }
    await this.#store(autoscaler, {
      ...{ conditions, currentReplicas: current, desiredReplicas: desired, lastScaleTime },
      ...(decision.currentMetrics === undefined ? {} : { currentMetrics: decision.currentMetrics }),
    });
    if (decision.failure !== undefined)
      this.#report(autoscaler, 'Warning', 'FailedComputeMetricsReplicas', messageOf(decision.failure.error));
  }

  async #decide(
    key: string,
    autoscaler: HorizontalPodAutoscaler,
    scale: Scale,
    conditions: Conditions,
  ): Promise<Decision> {
    const nowMs = this.#context.clock.nowMs();
    const { minReplicas = 1, maxReplicas } = autoscaler.spec;
    const current = scale.spec.replicas ?? 0;
    const plain = { conditions, currentMetrics: undefined, failure: undefined };
    if (current === 0 && minReplicas !== 0) {
      const why = [
        'ScalingDisabled',
        'scaling is disabled since the replica count of the target is zero',
      ] as const;
      const disabled = withCondition(conditions, 'ScalingActive', 'False', why, nowMs);
      return { ...plain, desired: 0, reason: '', conditions: disabled };
    }
    if (current > maxReplicas)
      return { ...plain, desired: maxReplicas, reason: 'Current number of replicas above Spec.MaxReplicas' };
    if (current < minReplicas)
      return { ...plain, desired: minReplicas, reason: 'Current number of replicas below Spec.MinReplicas' };
    return this.#decideByMetrics(key, autoscaler, scale, conditions);
  }

  async #decideByMetrics(
    key: string,
    autoscaler: HorizontalPodAutoscaler,
    scale: Scale,
    conditions: Conditions,
  ): Promise<Decision> {
    const nowMs = this.#context.clock.nowMs();
    const current = scale.spec.replicas ?? 0;
    const { metrics = [] } = autoscaler.spec;
    const { evaluations, errors } = await this.#evaluate(autoscaler, scale);
    const [error] = errors;
    const best = [...evaluations].sort((a, b) => b.replicas - a.replicas)[0];
    const currentMetrics = evaluations.length === 0 ? undefined : evaluations.map(({ status }) => status);
    // Metrics that cannot be had must not let the others shrink the target.
    if (best === undefined || (error !== undefined && best.replicas < current)) {
      const reason = error?.reason ?? 'FailedGetResourceMetric';
      const message = `the HPA was unable to compute the replica count: ${error?.message ?? ''}`;
      const failed = `invalid metrics (${errors.length} invalid out of ${metrics.length}), first error is: ${error?.message ?? ''}`;
      return {
        ...{ desired: current, reason: '', currentMetrics, failure: { error: new Error(failed) } },
        conditions: withCondition(conditions, 'ScalingActive', 'False', [reason, message], nowMs),
      };
    }
    const found = `the HPA was able to successfully calculate a replica count from ${best.name}`;
    const active = withCondition(conditions, 'ScalingActive', 'True', ['ValidMetricFound', found], nowMs);
    const history = this.#history.get(key) ?? noHistory;
    const bounded = boundReplicas(autoscaler, current, best.replicas, history, nowMs);
    this.#history.set(key, withRecommendation(history, best.replicas, nowMs));
    return {
      ...{ desired: bounded.replicas, currentMetrics, failure: undefined },
      reason: best.replicas > current ? `${best.name} above target` : 'All metrics below target',
      conditions: withBounds(active, bounded, nowMs),
    };
  }

  async #evaluate(
    autoscaler: HorizontalPodAutoscaler,
    scale: Scale,
  ): Promise<{ readonly evaluations: readonly Evaluation[]; readonly errors: readonly MetricError[] }> {
    const namespace = autoscaler.metadata.namespace ?? '';
    const selector = scale.status?.selector ?? '';
    if (selector === '') {
      const error = new MetricError('InvalidSelector', "the HPA target's scale is missing a selector");
      this.#report(autoscaler, 'Warning', 'SelectorRequired', 'selector is required');
      return { evaluations: [], errors: [error] };
    }
    const context = {
      ...{ source: this.#metrics, namespace, selector, pods: this.#podsOf(namespace, selector) },
      ...{ current: scale.spec.replicas ?? 0, tolerance: toleranceOf(autoscaler) },
      nowMs: this.#context.clock.nowMs(),
      pluralOf: async (reference: Parameters<ScaleClient['typeOf']>[0]): Promise<string> => {
        const type = await this.#scales.typeOf(reference);
        if (type === undefined) throw new Error(`no matches for kind "${reference.kind}"`);
        return type.plural;
      },
    };
    const evaluations: Evaluation[] = [];
    const errors: MetricError[] = [];
    for (const metric of autoscaler.spec.metrics ?? []) {
      try {
        evaluations.push(await evaluateMetric(metric, context));
      } catch (error) {
        if (!(error instanceof MetricError)) throw error;
        errors.push(error);
        this.#report(autoscaler, 'Warning', error.reason, error.message);
      }
    }
    return { evaluations, errors };
  }

  #podsOf(namespace: string, text: string): readonly Pod[] {
    const selector = parseSelectorText(text);
    const exact = exactTerm(selector);
    const { lister } = this.#context.informers.pods;
    const candidates =
      exact === undefined
        ? lister.list(namespace)
        : lister.byIndex(labelIndex, labelTerm(namespace, ...exact));
    return candidates.filter((pod) => matchesSelector(selector, pod.metadata.labels));
  }

  async #rescale(
    key: string,
    autoscaler: HorizontalPodAutoscaler,
    scale: Scale,
    { desired, reason }: Decision,
  ): Promise<{
    readonly isDone: boolean;
    readonly condition: readonly ['True' | 'False', readonly [string, string]];
  }> {
    const namespace = autoscaler.metadata.namespace ?? '';
    try {
      await this.#scales.set(namespace, autoscaler.spec.scaleTargetRef, scale, desired);
    } catch (error) {
      // Somebody else has just changed the target: look again at once.
      if (isConflict(error)) throw error;
      const text = messageOf(error);
      const message = `New size: ${desired}; reason: ${reason}; error: ${text}`;
      this.#report(autoscaler, 'Warning', 'FailedRescale', message);
      const why = `the HPA controller was unable to update the target scale: ${text}`;
      return { isDone: false, condition: ['False', ['FailedUpdateScale', why]] };
    }
    this.#report(autoscaler, 'Normal', 'SuccessfulRescale', `New size: ${desired}; reason: ${reason}`);
    const by = desired - (scale.spec.replicas ?? 0);
    const history = this.#history.get(key) ?? noHistory;
    this.#history.set(key, withChange(history, by, this.#context.clock.nowMs()));
    const done = `the HPA controller was able to update the target scale to ${desired}`;
    return { isDone: true, condition: ['True', ['SucceededRescale', done]] };
  }

  async #store(
    autoscaler: HorizontalPodAutoscaler,
    change: Omit<Partial<NonNullable<HorizontalPodAutoscaler['status']>>, 'conditions' | 'currentMetrics'> & {
      readonly conditions: Conditions;
      readonly currentMetrics?: readonly MetricStatus[];
    },
  ): Promise<void> {
    const status = {
      ...{ desiredReplicas: 0, ...autoscaler.status, ...change },
      conditions: [...change.conditions],
      currentMetrics: change.currentMetrics === undefined ? undefined : [...change.currentMetrics],
      observedGeneration: autoscaler.metadata.generation,
    };
    if (isSame(autoscaler.status, status)) return;
    await this.#context.client.update(
      horizontalpodautoscalers,
      { ...autoscaler, status },
      { subresource: 'status' },
    );
  }

  #report(
    object: HorizontalPodAutoscaler,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void {
    this.#events.event({ object, type, reason, message });
  }
}
