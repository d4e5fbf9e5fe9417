import type { ControllerRevision, DaemonSet, DaemonSetStatus } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { controllerrevisions, daemonsets, pods } from '../../api/generated/resources.ts';
import { fromLabelSelector, type Selector } from '../../api/selector.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import { keyOf, splitKey } from '../../client/object-key.ts';
import { claimDependents } from '../claim-dependents.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { Expectations } from '../expectations.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { orphansFor } from '../orphans.ts';
import { OwnWrites } from '../own-writes.ts';
import { isPodActive, isTerminating } from '../pod-state.ts';
import { maxPodBurst, PodWriter } from '../pod-writer.ts';
import { ensureRevision, hashOf, pruneRevisions, RevisionCollision } from '../revisions.ts';
import { controllerIndex, orphansOf } from '../shared-informers.ts';
import { isSame } from '../structural-equality.ts';
import { newDaemonPod, revisionHashLabel } from './daemon-pod.ts';
import { nextAvailableInMs, planDaemonStatus } from './daemon-status.ts';
import { EndedPods } from './ended-pods.ts';
import { type DaemonPlan, type DaemonView, planDaemons, viewDaemons } from './plan-daemons.ts';
import { planRollingUpdate } from './rolling-update.ts';
import { watchDaemonSets } from './triggers.ts';

const workers = 2;

/** Keeps one pod of each DaemonSet on every node that it wants, and brings them to a new template node by node. */
export class DaemonSetController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #events: EventSink;
  readonly #expectations: Expectations;
  readonly #writer: PodWriter;
  readonly #ended: EndedPods;
  readonly #written = new OwnWrites();
  readonly #loop: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#events = context.eventsOf('daemonset-controller');
    this.#expectations = new Expectations(context.clock);
    this.#writer = new PodWriter({ context, events: this.#events, expectations: this.#expectations });
    this.#ended = new EndedPods(context);
    const { pods: podInformer, daemonSets, nodes, controllerRevisions } = context.informers;
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'daemonset', workers),
      needs: [podInformer, daemonSets, nodes, controllerRevisions],
      sync: (key, signal) => this.#sync(key, signal),
    });
    watchDaemonSets(context.informers, this.#expectations, (key, delayMs) =>
      this.#loop.enqueueAfter(key, delayMs),
    );
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }

  async #sync(key: string, signal: AbortSignal): Promise<SyncResult | undefined> {
    const { namespace, name } = splitKey(key);
    const daemonSet = this.#context.informers.daemonSets.lister.get(namespace, name);
    if (daemonSet === undefined) {
      this.#expectations.forget(key);
      this.#written.forget(key);
      this.#ended.forget(key);
      return undefined;
    }
    if (this.#written.isStale(key, daemonSet)) return undefined;
    const selector = fromLabelSelector(daemonSet.spec.selector);
    if (selector === undefined || selector.length === 0) return this.#refuseToSelectAll(daemonSet);
    const revisions = await this.#claimRevisions(daemonSet, selector);
    if (isTerminating(daemonSet)) return undefined;
    const current = await this.#ensureRevision(key, daemonSet, revisions);
    const hash = hashOf(current, revisionHashLabel);
    const view = await this.#view(daemonSet, selector, hash);
    const failure = await this.#bringAbout(key, view, signal);
    await this.#forgetRevisions(view, current, revisions);
    const after = await this.#view(daemonSet, selector, hash);
    await this.#store(key, daemonSet, planDaemonStatus(after, daemonSet.status?.collisionCount));
    if (failure !== undefined) throw failure.error;
    // As of what was acted upon: a pod that has become available since then is still to be acted upon.
    return { requeueAfterMs: smallest(nextAvailableInMs(view), this.#ended.nextInMs(key)) };
  }

  async #view(daemonSet: DaemonSet, selector: Selector, hash: string): Promise<DaemonView> {
    const { nodes, pods: podInformer } = this.#context.informers;
    const { uid, namespace } = daemonSet.metadata;
    const claimed = await claimDependents({
      ...{ client: this.#context.client, ownerType: daemonsets, owner: daemonSet, type: pods, selector },
      candidates: [
        ...podInformer.lister.byIndex(controllerIndex, uid),
        ...orphansFor(podInformer.lister, namespace, selector).filter(isPodActive),
      ],
    });
    const nowMs = this.#context.clock.nowMs();
    return viewDaemons({ daemonSet, nodes: nodes.lister.list(), hash, nowMs }, claimed);
  }

  #claimRevisions(daemonSet: DaemonSet, selector: Selector): Promise<readonly ControllerRevision[]> {
    const { lister } = this.#context.informers.controllerRevisions;
    const { uid, namespace } = daemonSet.metadata;
    return claimDependents({
      ...{ client: this.#context.client, ownerType: daemonsets, owner: daemonSet, selector },
      type: controllerrevisions,
      candidates: [
        ...lister.byIndex(controllerIndex, uid),
        ...lister.byIndex(controllerIndex, orphansOf(namespace)),
      ],
    });
  }

  async #ensureRevision(
    key: string,
    daemonSet: DaemonSet,
    revisions: readonly ControllerRevision[],
  ): Promise<ControllerRevision> {
    const { client } = this.#context;
    const collisionCount = daemonSet.status?.collisionCount;
    try {
      return await ensureRevision({
        ...{ client, ownerType: daemonsets, owner: daemonSet, revisions, collisionCount },
        ...{ template: daemonSet.spec.template, hashLabel: revisionHashLabel },
      });
    } catch (error) {
      if (error instanceof RevisionCollision) {
        const status = { ...emptyStatus, ...daemonSet.status, collisionCount: (collisionCount ?? 0) + 1 };
        await this.#store(key, daemonSet, status);
      }
      throw error;
    }
  }

  /** One pod on each node; then, when the cache shows that, the next step of a rolling update. */
  async #bringAbout(
    key: string,
    view: DaemonView,
    signal: AbortSignal,
  ): Promise<{ readonly error: unknown } | undefined> {
    if (!this.#isSettled(key)) return undefined;
    try {
      await this.#apply(key, view, planDaemons(view), signal);
      const isRolling = (view.daemonSet.spec.updateStrategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
      if (isRolling && this.#isSettled(key)) await this.#apply(key, view, planRollingUpdate(view), signal);
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  #isSettled(key: string): boolean {
    return this.#expectations.satisfied(key, this.#context.informers.pods.lastResourceVersion);
  }

  async #apply(key: string, view: DaemonView, plan: DaemonPlan, signal: AbortSignal): Promise<void> {
    const { daemonSet, hash } = view;
    const early = new Set(plan.ended.filter((pod) => !this.#ended.mayReplace(key, pod)));
    const toDelete = plan.toDelete.filter((pod) => !early.has(pod));
    for (const pod of plan.ended) if (!early.has(pod)) this.#reportEnd(daemonSet, pod);
    await this.#writer.delete(daemonSet, toDelete.slice(0, maxPodBurst), signal);
    const wanted = plan.toCreate
      .slice(0, maxPodBurst)
      .map((node) => newDaemonPod(daemonSet, node, hash, this.#context.random));
    await this.#writer.create(daemonSet, wanted, signal);
  }

  #reportEnd(object: DaemonSet, pod: Pod): void {
    const where = `${keyOf(pod)} on node ${pod.spec.nodeName ?? ''}`;
    if (pod.status?.phase === 'Failed') {
      const message = `Found failed daemon pod ${where}, will try to kill it`;
      this.#events.event({ object, type: 'Warning', reason: 'FailedDaemonPod', message });
    } else {
      const message = `Found succeeded daemon pod ${where}, will try to delete it`;
      this.#events.event({ object, type: 'Normal', reason: 'SucceededDaemonPod', message });
    }
  }

  async #forgetRevisions(
    { daemonSet, podsByNode }: DaemonView,
    current: ControllerRevision,
    revisions: readonly ControllerRevision[],
  ): Promise<void> {
    const used = new Set<string | undefined>();
    for (const there of podsByNode.values())
      for (const { metadata } of there) used.add(metadata.labels?.[revisionHashLabel]);
    const unused = revisions.filter(
      (revision) =>
        revision.metadata.uid !== current.metadata.uid && !used.has(hashOf(revision, revisionHashLabel)),
    );
    await pruneRevisions(this.#context.client, unused, daemonSet.spec.revisionHistoryLimit);
  }

  async #store(key: string, daemonSet: DaemonSet, status: DaemonSetStatus): Promise<void> {
    if (isSame(daemonSet.status, status)) return;
    const { client } = this.#context;
    this.#written.note(
      key,
      await client.update(daemonsets, { ...daemonSet, status }, { subresource: 'status' }),
    );
  }

  #refuseToSelectAll(object: DaemonSet): undefined {
    this.#events.event({
      ...{ object, type: 'Warning', reason: 'SelectingAll' },
      message: 'This daemon set is selecting all pods. A non-empty selector is required.',
    });
  }
}

const emptyStatus: DaemonSetStatus = {
  ...{ currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 },
};

function smallest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
