import type { ControllerRevision, StatefulSet, StatefulSetStatus } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { controllerrevisions, pods, statefulsets } from '../../api/generated/resources.ts';
import { fromLabelSelector, type Selector } from '../../api/selector.ts';
import { splitKey } from '../../client/object-key.ts';
import { runInGrowingBatches } from '../batches.ts';
import { claimDependents } from '../claim-dependents.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { Expectations } from '../expectations.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { orphansFor } from '../orphans.ts';
import { OwnWrites } from '../own-writes.ts';
import { isTerminating } from '../pod-state.ts';
import { ensureRevision, pruneRevisions, RevisionCollision, templateOf } from '../revisions.ts';
import { controllerIndex, orphansOf } from '../shared-informers.ts';
import { isSame } from '../structural-equality.ts';
import { ordinalOf, revisionNameOf, type Version } from './identity.ts';
import { planReplicas, type ReplicaView } from './plan-replicas.ts';
import { planReplicaStatus } from './replica-status.ts';
import { ReplicaWriter } from './replica-writer.ts';
import { watchStatefulSets } from './triggers.ts';

const workers = 8;
const hashLabel = 'controller.kubernetes.io/hash';

/** Keeps replicas with an identity of their own: one pod of a name at a time, with the same claims for ever. */
export class StatefulSetController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #expectations: Expectations;
  readonly #writer: ReplicaWriter;
  readonly #written = new OwnWrites();
  readonly #loop: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#expectations = new Expectations(context.clock);
    const events = context.eventsOf('statefulset-controller');
    this.#writer = new ReplicaWriter({ context, events, expectations: this.#expectations });
    const { pods: podInformer, statefulSets, controllerRevisions, volumeClaims } = context.informers;
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'statefulset', workers),
      needs: [podInformer, statefulSets, controllerRevisions, volumeClaims],
      sync: (key, signal) => this.#sync(key, signal),
    });
    watchStatefulSets(context.informers, this.#expectations, (key) => this.#loop.enqueue(key));
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }

  async #sync(key: string, signal: AbortSignal): Promise<SyncResult | undefined> {
    const { namespace, name } = splitKey(key);
    const set = this.#context.informers.statefulSets.lister.get(namespace, name);
    if (set === undefined) {
      this.#expectations.forget(key);
      this.#written.forget(key);
      return undefined;
    }
    if (this.#written.isStale(key, set)) return undefined;
    const selector = fromLabelSelector(set.spec.selector);
    if (selector === undefined || selector.length === 0) return undefined;
    const revisions = await this.#claimRevisions(set, selector);
    const view = await this.#view(key, set, selector, revisions);
    const failure = await this.#bringAbout(key, view, signal);
    const nextAvailableInMs = await this.#updateStatus(key, view);
    await this.#forgetRevisions(view, revisions);
    if (failure !== undefined) throw failure.error;
    return { requeueAfterMs: nextAvailableInMs };
  }

  async #view(
    key: string,
    set: StatefulSet,
    selector: Selector,
    revisions: readonly ControllerRevision[],
  ): Promise<ReplicaView> {
    const update = toVersion(await this.#ensureRevision(key, set, revisions));
    const stored = revisions.find(({ metadata }) => metadata.name === set.status?.currentRevision);
    const { lister } = this.#context.informers.pods;
    const isMember = (pod: Pod): boolean => ordinalOf(set, pod) !== undefined;
    const { namespace, uid } = set.metadata;
    const claimed = await claimDependents({
      ...{ client: this.#context.client, ownerType: statefulsets, owner: set, type: pods, selector },
      candidates: [
        ...lister.byIndex(controllerIndex, uid),
        ...orphansFor(lister, namespace, selector).filter(isMember),
      ],
    });
    const current = stored === undefined ? update : toVersion(stored);
    return { set, pods: claimed.filter(isMember), current, update, nowMs: this.#context.clock.nowMs() };
  }

  #claimRevisions(set: StatefulSet, selector: Selector): Promise<readonly ControllerRevision[]> {
    const { lister } = this.#context.informers.controllerRevisions;
    return claimDependents({
      ...{ client: this.#context.client, ownerType: statefulsets, owner: set, selector },
      type: controllerrevisions,
      candidates: [
        ...lister.byIndex(controllerIndex, set.metadata.uid),
        ...lister.byIndex(controllerIndex, orphansOf(set.metadata.namespace)),
      ],
    });
  }

  async #ensureRevision(
    key: string,
    set: StatefulSet,
    revisions: readonly ControllerRevision[],
  ): Promise<ControllerRevision> {
    const { client } = this.#context;
    const collisionCount = set.status?.collisionCount;
    try {
      return await ensureRevision({
        ...{ client, ownerType: statefulsets, owner: set, revisions, collisionCount, hashLabel },
        template: set.spec.template,
      });
    } catch (error) {
      if (error instanceof RevisionCollision)
        await this.#store(key, set, {
          ...{ replicas: 0, ...set.status, collisionCount: (collisionCount ?? 0) + 1 },
        });
      throw error;
    }
  }

  async #bringAbout(
    key: string,
    view: ReplicaView,
    signal: AbortSignal,
  ): Promise<{ readonly error: unknown } | undefined> {
    if (!this.#expectations.satisfied(key, this.#context.informers.pods.lastResourceVersion))
      return undefined;
    try {
      await this.#retainClaims(view);
      const steps = planReplicas(view);
      const { failure } = await runInGrowingBatches(steps.length, async (i) => {
        const step = steps[i];
        if (step !== undefined) await this.#writer.apply(view.set, step, signal);
      });
      return failure === undefined ? undefined : { error: failure };
    } catch (error) {
      return { error };
    }
  }

  /** Claims change hands before their pods go. */
  async #retainClaims({ set, pods: all }: ReplicaView): Promise<void> {
    if ((set.spec.volumeClaimTemplates ?? []).length === 0 || isTerminating(set)) return;
    const replicas = all.map((pod) => ({ pod, ordinal: ordinalOf(set, pod) ?? 0 }));
    await this.#writer.retainClaims(set, replicas);
  }

  async #updateStatus(key: string, view: ReplicaView): Promise<number | undefined> {
    const { set } = view;
    const { status, nextAvailableInMs } = planReplicaStatus(view, set.status?.collisionCount);
    await this.#store(key, set, status);
    return nextAvailableInMs === undefined ? undefined : nextAvailableInMs + 1;
  }

  async #store(key: string, set: StatefulSet, status: StatefulSetStatus): Promise<void> {
    if (isSame(set.status, status)) return;
    const { client } = this.#context;
    this.#written.note(key, await client.update(statefulsets, { ...set, status }, { subresource: 'status' }));
  }

  async #forgetRevisions(
    { set, pods: all, current, update }: ReplicaView,
    revisions: readonly ControllerRevision[],
  ): Promise<void> {
    const used = new Set([current.name, update.name, ...all.map(revisionNameOf)]);
    const unused = revisions.filter(({ metadata }) => !used.has(metadata.name));
    await pruneRevisions(this.#context.client, unused, set.spec.revisionHistoryLimit);
  }
}

function toVersion(revision: ControllerRevision): Version {
  return { name: revision.metadata.name, template: templateOf(revision) };
}
