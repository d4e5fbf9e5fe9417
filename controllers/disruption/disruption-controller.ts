import type { Pod } from '../../api/generated/core-v1.ts';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '../../api/generated/policy-v1.ts';
import { poddisruptionbudgets, pods } from '../../api/generated/resources.ts';
import { fromLabelSelector, matchesSelector } from '../../api/selector.ts';
import { isConflict, isNotFound } from '../../api/status-error.ts';
import { toTime } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import { keyOf, splitKey } from '../../client/object-key.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { controllerOf } from '../ownership.ts';
import { isPodReady, isPodTerminal, isTerminating, podCondition } from '../pod-state.ts';
import { ScaleClient } from '../scale-client.ts';
import { exactTerm, selectingPods } from '../selector-index.ts';
import { labelIndex, labelTerm } from '../shared-informers.ts';
import { isSame } from '../structural-equality.ts';
import { type ExpectedScale, expectedScale } from './expected-scale.ts';
import { failedBudget, needsScale, planBudget } from './plan-budget.ts';

const workers = 8;
/** A budget's reconciliation reads all its pods: with many pods, more of their events are taken together. */
const batchPerPodMs = 0.1;
const longestBatchMs = 1_000;
/** A pod that was to be disrupted this long ago, and is still there, will not be. */
const staleDisruptionMs = 2 * 60_000;

/** Says in each budget's status how many of its pods may be evicted now; the eviction subresource takes from that. */
export class DisruptionController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #events: EventSink;
  readonly #scales: ScaleClient;
  readonly #budgets: ReconcileLoop;
  readonly #stalePods: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#events = context.eventsOf('controllermanager');
    this.#scales = new ScaleClient(context);
    const { disruptionBudgets, pods: podInformer, ...informers } = context.informers;
    const { replicaSets, deployments, statefulSets, replicationControllers } = informers;
    this.#budgets = new ReconcileLoop({
      ...loopOptions(context, 'disruption', workers),
      needs: [disruptionBudgets, podInformer, replicaSets, deployments, statefulSets, replicationControllers],
      sync: (key) => this.#sync(key),
    });
    this.#stalePods = new ReconcileLoop({
      ...loopOptions(context, 'stale-disruption', 1),
      needs: [podInformer],
      sync: (key) => this.#clearStale(key),
    });
    disruptionBudgets.addHandler({
      onAdd: (budget) => this.#budgets.enqueue(keyOf(budget)),
      onUpdate: (_previous, budget) => this.#budgets.enqueue(keyOf(budget)),
    });
    podInformer.addHandler({
      onAdd: (pod) => this.#observe(pod),
      onUpdate: (previous, pod) => {
        if (facts(previous) === facts(pod) && isSame(previous.metadata.labels, pod.metadata.labels)) return;
        this.#enqueueSelecting(previous);
        this.#observe(pod);
      },
      onDelete: (pod) => this.#enqueueSelecting(pod),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#budgets.run(signal), this.#stalePods.run(signal)]);
  }

  #observe(pod: Pod): void {
    this.#enqueueSelecting(pod);
    if (isDisrupted(pod)) this.#stalePods.enqueue(keyOf(pod));
  }

  #enqueueSelecting(pod: Pod): void {
    const { lister } = this.#context.informers.disruptionBudgets;
    for (const budget of selectingPods(lister, pod, ({ spec }) => spec.selector)) {
      const delayMs = Math.min(longestBatchMs, (budget.status?.expectedPods ?? 0) * batchPerPodMs);
      this.#budgets.enqueueAfter(keyOf(budget), delayMs < 5 ? 0 : delayMs);
    }
  }

  async #sync(key: string): Promise<SyncResult | undefined> {
    const { namespace, name } = splitKey(key);
    const budget = this.#context.informers.disruptionBudgets.lister.get(namespace, name);
    if (budget === undefined) return undefined;
    const nowMs = this.#context.clock.nowMs();
    const selected = this.#podsOf(budget);
    if (selected.length === 0) this.#report(budget, 'Normal', 'NoPods', 'No matching pods found');
    let expected: ExpectedScale = { scale: 0, unmanaged: [] };
    try {
      if (needsScale(budget)) expected = await expectedScale(selected, this.#context.informers, this.#scales);
    } catch (error) {
      const message = messageOf(error);
      this.#report(budget, 'Warning', 'CalculateExpectedPodCountFailed', failedCount(message));
      await this.#store(budget, failedBudget(budget, message, nowMs));
      throw error;
    }
    if (expected.unmanaged.length > 0) this.#reportUnmanaged(budget);
    const { scale } = expected;
    const { status, recheckInMs, notDeleted } = planBudget({ budget, pods: selected, scale, nowMs });
    for (const pod of notDeleted) {
      const message = `Pod was expected by PDB ${keyOf(budget)} to be deleted but it wasn't`;
      this.#report(pod, 'Warning', 'NotDeleted', message);
    }
    await this.#store(budget, status);
    return { requeueAfterMs: recheckInMs };
  }

  #podsOf({ metadata, spec }: PodDisruptionBudget): readonly Pod[] {
    const selector = fromLabelSelector(spec.selector);
    if (selector === undefined) return [];
    const { lister } = this.#context.informers.pods;
    const exact = exactTerm(selector);
    const candidates =
      exact === undefined
        ? lister.list(metadata.namespace)
        : lister.byIndex(labelIndex, labelTerm(metadata.namespace, ...exact));
    return candidates.filter((pod) => matchesSelector(selector, pod.metadata.labels));
  }

  async #store(budget: PodDisruptionBudget, status: PodDisruptionBudgetStatus): Promise<void> {
    if (isSame(budget.status, status)) return;
    await this.#context.client.update(poddisruptionbudgets, { ...budget, status }, { subresource: 'status' });
  }

  /** Takes back a `DisruptionTarget` that nothing came of. */
  async #clearStale(key: string): Promise<SyncResult | undefined> {
    const { namespace, name } = splitKey(key);
    const pod = this.#context.informers.pods.lister.get(namespace, name);
    if (pod === undefined || !isDisrupted(pod)) return undefined;
    const { nowMs } = { nowMs: this.#context.clock.nowMs() };
    const sinceMs = Date.parse(podCondition(pod, 'DisruptionTarget')?.lastTransitionTime ?? '');
    const waitMs = sinceMs + staleDisruptionMs - nowMs;
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    const condition = { type: 'DisruptionTarget', status: 'False', lastTransitionTime: toTime(nowMs) };
    const body = { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } };
    try {
      const { client } = this.#context;
      await client.patch(pods, pod.metadata, { type: 'strategic', body }, { subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    return undefined;
  }

  #reportUnmanaged(budget: PodDisruptionBudget): void {
    this.#report(
      budget,
      'Warning',
      'UnmanagedPods',
      `Pods selected by this PodDisruptionBudget (selector: ${JSON.stringify(budget.spec.selector ?? {})}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`,
    );
  }

  #report(
    object: PodDisruptionBudget | Pod,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void {
    this.#events.event({ object, type, reason, message });
  }
}

const failedCount = (why: string): string => `Failed to calculate the number of expected pods: ${why}`;

/** All of a pod, besides its labels, that a budget's status depends on. */
function facts(pod: Pod): string {
  return [isPodReady(pod), isTerminating(pod), isDisrupted(pod), controllerOf(pod)?.uid].join();
}

/** Said to be disrupted, by someone other than the agent, and not on its way out yet. */
function isDisrupted(pod: Pod): boolean {
  const condition = podCondition(pod, 'DisruptionTarget');
  if (condition?.status !== 'True' || condition.reason === 'TerminationByKubelet') return false;
  return !isTerminating(pod) && !isPodTerminal(pod);
}
