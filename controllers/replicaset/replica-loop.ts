import type { ReplicaSetStatus } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { pods } from '../../api/generated/resources.ts';
import type { ApiObject, NewObject, ResourceType } from '../../api/kind-info.ts';
import { fromLabelSelector, type Selector } from '../../api/selector.ts';
import { messageOf } from '../../base/invariant.ts';
import type { Informer } from '../../client/informer.ts';
import { splitKey } from '../../client/object-key.ts';
import { claimDependents } from '../claim-dependents.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { podsToDelete } from '../deletion-rank.ts';
import { Expectations } from '../expectations.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { orphansFor } from '../orphans.ts';
import { podNamePrefix, toPod } from '../pod-creation.ts';
import { isPodActive, isPodTerminal, isTerminating } from '../pod-state.ts';
import { maxPodBurst, PodWriter } from '../pod-writer.ts';
import { controllerIndex, type SharedInformers } from '../shared-informers.ts';
import { isSame } from '../structural-equality.ts';
import { planStatus, type ReplicaFailure, type ReplicaView } from './replicaset-status.ts';
import { planSize } from './surge.ts';
import { watchReplicas } from './triggers.ts';

const workers = 16;

/** What ReplicaSets and ReplicationControllers differ in. */
export interface ReplicaKind<T extends ApiObject> {
  readonly type: ResourceType<T>;
  readonly loop: string;
  /** Source of events. */
  readonly component: string;
  informerOf(informers: SharedInformers): Informer<T>;
  viewOf(object: T): ReplicaView;
  withStatus(object: T, status: ReplicaSetStatus): T;
  /** Objects of one owner, this one included: on which nodes pods are doubled is judged over all their pods. */
  siblingsOf(object: T, informers: SharedInformers): readonly ApiObject[];
}

/**
 * Keeps as many pods as each object asks for.
 *
 * INVARIANTS: nothing is created or deleted before the cache shows what was done before, so there is never a surplus
 * pod, but for one while a pod is being moved; a request without an answer counts as done until the cache or the server says otherwise.
 */
export class ReplicaLoop<T extends ApiObject> implements ControlLoop {
  readonly #kind: ReplicaKind<T>;
  readonly #context: ControllerContext;
  readonly #expectations: Expectations;
  readonly #writer: PodWriter;
  readonly #loop: ReconcileLoop;

  constructor(context: ControllerContext, kind: ReplicaKind<T>) {
    this.#context = context;
    this.#kind = kind;
    this.#expectations = new Expectations(context.clock);
    const events = context.eventsOf(kind.component);
    this.#writer = new PodWriter({ context, events, expectations: this.#expectations });
    const informer = kind.informerOf(context.informers);
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, kind.loop, workers),
      needs: [context.informers.pods, informer],
      sync: (key, signal) => this.#sync(key, signal),
    });
    watchReplicas({
      ...{ kind: kind.type.kind, owners: informer, pods: context.informers.pods },
      expectations: this.#expectations,
      selectorOf: (object) => kind.viewOf(object).spec.selector,
      sizeOf: (object) => kind.viewOf(object).status?.replicas ?? 0,
      enqueueAfter: (key, delayMs) => this.#loop.enqueueAfter(key, delayMs),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }

  async #sync(key: string, signal: AbortSignal): Promise<SyncResult | undefined> {
    const { namespace, name } = splitKey(key);
    const object = this.#kind.informerOf(this.#context.informers).lister.get(namespace, name);
    if (object === undefined) {
      this.#expectations.forget(key);
      return undefined;
    }
    const view = this.#kind.viewOf(object);
    const seen = this.#context.informers.pods.lastResourceVersion;
    const settled = this.#expectations.satisfied(key, seen);
    const selector = fromLabelSelector(view.spec.selector);
    if (selector === undefined || selector.length === 0) return undefined;
    const owned = await this.#claim(object, selector);
    const active = owned.filter(isPodActive);
    const failure =
      settled && !isTerminating(object) ? await this.#bringToSize(object, view, active, signal) : undefined;
    const next = await this.#updateStatus(object, view, owned, failure);
    if (failure !== undefined) throw failure.error;
    return next;
  }

  #claim(object: T, selector: Selector): Promise<readonly Pod[]> {
    const { lister } = this.#context.informers.pods;
    return claimDependents({
      client: this.#context.client,
      ownerType: this.#kind.type,
      owner: object,
      type: pods,
      selector,
      candidates: [
        ...lister.byIndex(controllerIndex, object.metadata.uid),
        ...orphansFor(lister, object.metadata.namespace, selector).filter(isPodActive),
      ],
    });
  }

  async #bringToSize(
    object: T,
    view: ReplicaView,
    active: readonly Pod[],
    signal: AbortSignal,
  ): Promise<(ReplicaFailure & { readonly error: unknown }) | undefined> {
    const { size } = planSize(view.spec.replicas ?? 1, active, this.#context.clock.nowMs());
    const surplus = active.length - size;
    if (surplus === 0) return undefined;
    const growing = surplus < 0;
    try {
      if (growing) await this.#writer.create(object, this.#newPods(object, view, -surplus), signal);
      else await this.#writer.delete(object, this.#surplusPods(object, active, surplus), signal);
      return undefined;
    } catch (error) {
      return { reason: growing ? 'FailedCreate' : 'FailedDelete', message: messageOf(error), error };
    }
  }

  #newPods(object: T, view: ReplicaView, count: number): NewObject<Pod>[] {
    const prefix = podNamePrefix(object.metadata.name);
    const owner = { type: this.#kind.type, owner: object };
    return Array.from({ length: Math.min(count, maxPodBurst) }, () =>
      toPod(owner, view.spec.template, prefix, this.#context.random),
    );
  }

  #surplusPods(object: T, active: readonly Pod[], count: number): readonly Pod[] {
    const { lister } = this.#context.informers.pods;
    const related = this.#kind
      .siblingsOf(object, this.#context.informers)
      .flatMap(({ metadata }) => lister.byIndex(controllerIndex, metadata.uid))
      .filter(isPodActive);
    return podsToDelete(active, related, Math.min(count, maxPodBurst), this.#context.clock.nowMs());
  }

  async #updateStatus(
    object: T,
    view: ReplicaView,
    owned: readonly Pod[],
    failure: (ReplicaFailure & { readonly error: unknown }) | undefined,
  ): Promise<SyncResult | undefined> {
    const { status, nextAvailableInMs } = planStatus({
      replicaSet: view,
      active: owned.filter(isPodActive),
      terminating: owned.filter((pod) => isTerminating(pod) && !isPodTerminal(pod)),
      failure: failure === undefined ? undefined : { reason: failure.reason, message: failure.message },
      nowMs: this.#context.clock.nowMs(),
    });
    const next = this.#kind.withStatus(object, status);
    if (!isSame(this.#kind.viewOf(next).status, view.status))
      await this.#context.client.update(this.#kind.type, next, { subresource: 'status' });
    const { changesInMs } = planSize(
      view.spec.replicas ?? 1,
      owned.filter(isPodActive),
      this.#context.clock.nowMs(),
    );
    const nextMs = Math.min(nextAvailableInMs ?? changesInMs, changesInMs);
    return nextMs === Number.POSITIVE_INFINITY ? undefined : { requeueAfterMs: nextMs + 1 };
  }
}
