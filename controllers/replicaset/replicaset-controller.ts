import type { ReplicaSet } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { pods, replicasets } from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import { fromLabelSelector, type Selector } from '../../api/selector.ts';
import { messageOf } from '../../base/invariant.ts';
import { splitKey } from '../../client/object-key.ts';
import { claimDependents } from '../claim-dependents.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { podsToDelete } from '../deletion-rank.ts';
import { Expectations } from '../expectations.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { controllerOf } from '../ownership.ts';
import { podNamePrefix, toPod } from '../pod-creation.ts';
import { isPodActive, isPodTerminal, isTerminating } from '../pod-state.ts';
import { maxPodBurst, PodWriter } from '../pod-writer.ts';
import { controllerIndex, orphansOf } from '../shared-informers.ts';
import { isSame } from '../structural-equality.ts';
import { planStatus, type ReplicaFailure } from './replicaset-status.ts';
import { watchReplicaSets } from './triggers.ts';

const workers = 16;

/**
 * Keeps as many pods as each ReplicaSet asks for.
 *
 * INVARIANTS: nothing is created or deleted before the cache shows what was done before, so there is never a surplus
 * pod; a request without an answer counts as done until the cache or the server says otherwise.
 */
export class ReplicaSetController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #expectations: Expectations;
  readonly #writer: PodWriter;
  readonly #loop: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#expectations = new Expectations(context.clock);
    const events = context.eventsOf('replicaset-controller');
    this.#writer = new PodWriter({ context, events, expectations: this.#expectations });
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
      if (growing) await this.#writer.create(replicaSet, this.#newPods(replicaSet, -surplus), signal);
      else await this.#writer.delete(replicaSet, this.#surplusPods(replicaSet, active, surplus), signal);
      return undefined;
    } catch (error) {
      return { reason: growing ? 'FailedCreate' : 'FailedDelete', message: messageOf(error), error };
    }
  }

  #newPods(replicaSet: ReplicaSet, count: number): NewObject<Pod>[] {
    const prefix = podNamePrefix(replicaSet.metadata.name);
    const owner = { type: replicasets, owner: replicaSet };
    return Array.from({ length: Math.min(count, maxPodBurst) }, () =>
      toPod(owner, replicaSet.spec.template, prefix, this.#context.random),
    );
  }

  #surplusPods(replicaSet: ReplicaSet, active: readonly Pod[], count: number): readonly Pod[] {
    const related = this.#relatedPods(replicaSet);
    return podsToDelete(active, related, Math.min(count, maxPodBurst), this.#context.clock.nowMs());
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
}
