import type { ReplicaSet } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { pods, replicasets } from '../../api/generated/resources.ts';
import { fromLabelSelector, type Selector } from '../../api/selector.ts';
import { isNotFound, StatusError } from '../../api/status-error.ts';
import { messageOf } from '../../base/invariant.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import { keyOf, splitKey } from '../../client/object-key.ts';
import { runBounded, runInGrowingBatches } from '../batches.ts';
import { claimDependents } from '../claim-dependents.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { Expectations } from '../expectations.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { controllerOf } from '../ownership.ts';
import { isPodActive, isPodTerminal, isTerminating } from '../pod-state.ts';
import { controllerIndex, orphansOf } from '../shared-informers.ts';
import { isSame } from '../structural-equality.ts';
import { type RequestContext, untilAnswered } from '../until-answered.ts';
import { podsToDelete } from './deletion-rank.ts';
import { createPod, newPodName } from './pod-creation.ts';
import { planStatus, type ReplicaFailure } from './replicaset-status.ts';
import { watchReplicaSets } from './triggers.ts';

const workers = 16;
/** Pods created or deleted in one reconciliation at most. */
const maxBurst = 500;

/**
 * Keeps as many pods as each ReplicaSet asks for.
 *
 * INVARIANTS: nothing is created or deleted before the cache shows what was done before, so there is never a surplus
 * pod; a request without an answer counts as done until the cache or the server says otherwise.
 */
export class ReplicaSetController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #events: EventSink;
  readonly #expectations: Expectations;
  readonly #loop: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#events = context.eventsOf('replicaset-controller');
    this.#expectations = new Expectations(context.clock);
    const { pods: podInformer, replicaSets } = context.informers;
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'replicaset', workers),
      needs: [podInformer, replicaSets],
      sync: (key, signal) => this.#sync(key, signal),
    });
    watchReplicaSets(context.informers, this.#expectations, (key) => this.#loop.enqueue(key));
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }

  async #sync(key: string, signal: AbortSignal): Promise<SyncResult | undefined> {
    const { namespace, name } = splitKey(key);
    const replicaSet = this.#context.informers.replicaSets.lister.get(namespace, name);
    if (replicaSet === undefined) {
      this.#expectations.forget(key);
      return undefined;
    }
    const settled = this.#expectations.satisfied(key);
    const selector = fromLabelSelector(replicaSet.spec.selector);
    if (selector === undefined || selector.length === 0) return undefined;
    const owned = await this.#claim(replicaSet, selector);
    const active = owned.filter(isPodActive);
    const failure =
      settled && !isTerminating(replicaSet) ? await this.#bringToSize(replicaSet, active, signal) : undefined;
    const next = await this.#updateStatus(replicaSet, owned, failure);
    if (failure !== undefined) throw failure.error;
    return next;
  }

  #claim(replicaSet: ReplicaSet, selector: Selector): Promise<readonly Pod[]> {
    const { lister } = this.#context.informers.pods;
    return claimDependents({
      client: this.#context.client,
      ownerType: replicasets,
      owner: replicaSet,
      type: pods,
      selector,
      candidates: [
        ...lister.byIndex(controllerIndex, replicaSet.metadata.uid),
        ...lister.byIndex(controllerIndex, orphansOf(replicaSet.metadata.namespace)).filter(isPodActive),
      ],
    });
  }

  async #bringToSize(
    replicaSet: ReplicaSet,
    active: readonly Pod[],
    signal: AbortSignal,
  ): Promise<(ReplicaFailure & { readonly error: unknown }) | undefined> {
    const surplus = active.length - (replicaSet.spec.replicas ?? 1);
    if (surplus === 0) return undefined;
    const growing = surplus < 0;
    try {
      const context = { ...this.#context, signal };
      if (growing) await this.#createPods(context, replicaSet, Math.min(-surplus, maxBurst));
      else await this.#deletePods(context, replicaSet, active, Math.min(surplus, maxBurst));
      return undefined;
    } catch (error) {
      return { reason: growing ? 'FailedCreate' : 'FailedDelete', message: messageOf(error), error };
    }
  }

  async #createPods(context: RequestContext, replicaSet: ReplicaSet, count: number): Promise<void> {
    const key = keyOf(replicaSet);
    const names = Array.from({ length: count }, () => newPodName(replicaSet, this.#context.random));
    for (const name of names) this.#expectations.expectCreation(key, name);
    const { failure } = await runInGrowingBatches(count, async (i) => {
      const name = names[i] ?? '';
      names[i] = '';
      await this.#createOne(context, replicaSet, name);
    });
    for (const name of names) if (name !== '') this.#expectations.creationObserved(key, name);
    if (failure !== undefined) throw failure;
  }

  async #createOne(context: RequestContext, replicaSet: ReplicaSet, name: string): Promise<void> {
    try {
      const created = await createPod(context, replicaSet, name);
      if (created === undefined) return;
      this.#report(replicaSet, 'Normal', 'SuccessfulCreate', `Created pod: ${name}`);
    } catch (error) {
      this.#expectations.creationObserved(keyOf(replicaSet), name);
      if (isNamespaceTerminating(error)) return;
      this.#report(replicaSet, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`);
      throw error;
    }
  }

  async #deletePods(
    context: RequestContext,
    replicaSet: ReplicaSet,
    active: readonly Pod[],
    count: number,
  ): Promise<void> {
    const key = keyOf(replicaSet);
    const doomed = podsToDelete(active, this.#relatedPods(replicaSet), count, this.#context.clock.nowMs());
    for (const pod of doomed) this.#expectations.expectDeletion(key, pod.metadata.uid);
    await runBounded(doomed, (pod) => this.#deleteOne(context, replicaSet, pod));
  }

  async #deleteOne(context: RequestContext, replicaSet: ReplicaSet, pod: Pod): Promise<void> {
    const { name, uid } = pod.metadata;
    try {
      await untilAnswered(context, () => context.client.delete(pods, pod.metadata, { uid }));
      this.#report(replicaSet, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    } catch (error) {
      this.#expectations.deletionObserved(keyOf(replicaSet), uid);
      if (isNotFound(error)) return;
      this.#report(replicaSet, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`);
      throw error;
    }
  }

  /** Active pods of all ReplicaSets of the same owner: two versions of a Deployment count as one when nodes are chosen. */
  #relatedPods(replicaSet: ReplicaSet): readonly Pod[] {
    const { replicaSets, pods: podInformer } = this.#context.informers;
    const owner = controllerOf(replicaSet);
    const siblings =
      owner === undefined ? [replicaSet] : replicaSets.lister.byIndex(controllerIndex, owner.uid);
    return siblings
      .flatMap((sibling) => podInformer.lister.byIndex(controllerIndex, sibling.metadata.uid))
      .filter(isPodActive);
  }

  async #updateStatus(
    replicaSet: ReplicaSet,
    owned: readonly Pod[],
    failure: (ReplicaFailure & { readonly error: unknown }) | undefined,
  ): Promise<SyncResult | undefined> {
    const { status, nextAvailableInMs } = planStatus({
      replicaSet,
      active: owned.filter(isPodActive),
      terminating: owned.filter((pod) => isTerminating(pod) && !isPodTerminal(pod)),
      failure: failure === undefined ? undefined : { reason: failure.reason, message: failure.message },
      nowMs: this.#context.clock.nowMs(),
    });
    if (!isSame(replicaSet.status, status))
      await this.#context.client.update(replicasets, { ...replicaSet, status }, { subresource: 'status' });
    return nextAvailableInMs === undefined ? undefined : { requeueAfterMs: nextAvailableInMs + 1 };
  }

  #report(object: ReplicaSet, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#events.event({ object, type, reason, message });
  }
}

function isNamespaceTerminating(error: unknown): boolean {
  return (
    error instanceof StatusError &&
    (error.details?.causes ?? []).some((cause) => cause.reason === 'NamespaceTerminating')
  );
}
