import type { Deployment, DeploymentStatus, ReplicaSet } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { deployments, replicasets } from '../../api/generated/resources.ts';
import { fromLabelSelector } from '../../api/selector.ts';
import { isNotFound } from '../../api/status-error.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import { splitKey } from '../../client/object-key.ts';
import { claimDependents } from '../claim-dependents.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { isTerminating } from '../pod-state.ts';
import { controllerIndex, orphansOf } from '../shared-informers.ts';
import { isSame } from '../structural-equality.ts';
import { sizeAnnotations } from './annotations.ts';
import { replicasOf } from './availability.ts';
import { deadlineCheckInMs, planRolloutStatus, planStatus } from './deployment-status.ts';
import { NewReplicaSetWriter } from './new-replicaset-writer.ts';
import { withPausedCondition } from './paused.ts';
import { planRollout, type StatusKind, toRolloutState } from './plan-rollout.ts';
import type { RolloutState, Scale } from './scaling.ts';
import { watchDeployments } from './triggers.ts';

const workers = 8;

/**
 * Brings the pods of each Deployment to its template by growing the replica set of that template and shrinking the
 * others. One move per reconciliation; the next follows from the events that it causes.
 */
export class DeploymentController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #events: EventSink;
  readonly #writer: NewReplicaSetWriter;
  readonly #loop: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#events = context.eventsOf('deployment-controller');
    this.#writer = new NewReplicaSetWriter(context, this.#events);
    const { deployments: deploymentInformer, replicaSets, pods } = context.informers;
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'deployment', workers),
      needs: [deploymentInformer, replicaSets, pods],
      sync: (key) => this.#sync(key),
    });
    watchDeployments(context.informers, (key) => this.#loop.enqueue(key));
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }

  async #sync(key: string): Promise<SyncResult | undefined> {
    const { namespace, name } = splitKey(key);
    const stored = this.#context.informers.deployments.lister.get(namespace, name);
    if (stored === undefined) return undefined;
    const owned = await this.#claim(stored);
    if (owned === undefined) return this.#refuseToSelectAll(stored);
    const deployment = isTerminating(stored)
      ? stored
      : withPausedCondition(stored, this.#context.clock.nowMs());
    const { state, status } = await this.#advance(toRolloutState(deployment, owned));
    if (!isSame(stored.status, status)) {
      await this.#context.client.update(
        deployments,
        { ...state.deployment, status },
        { subresource: 'status' },
      );
    }
    const requeueAfterMs = deadlineCheckInMs(stored, status, this.#context.clock.nowMs());
    return { requeueAfterMs };
  }

  /** @returns undefined when the selector would select everything. */
  async #claim(deployment: Deployment): Promise<readonly ReplicaSet[] | undefined> {
    const selector = fromLabelSelector(deployment.spec.selector);
    if (selector === undefined || selector.length === 0) return undefined;
    const { lister } = this.#context.informers.replicaSets;
    return claimDependents({
      client: this.#context.client,
      ownerType: deployments,
      owner: deployment,
      type: replicasets,
      selector,
      candidates: [
        ...lister.byIndex(controllerIndex, deployment.metadata.uid),
        ...lister.byIndex(controllerIndex, orphansOf(deployment.metadata.namespace)),
      ],
    });
  }

  async #refuseToSelectAll(deployment: Deployment): Promise<undefined> {
    this.#events.event({
      object: deployment,
      type: 'Warning',
      reason: 'SelectingAll',
      message: 'This deployment is selecting all pods. A non-empty selector is required.',
    });
    const { generation } = deployment.metadata;
    if ((deployment.status?.observedGeneration ?? 0) >= (generation ?? 0)) return;
    const status = { ...deployment.status, observedGeneration: generation };
    await this.#context.client.update(deployments, { ...deployment, status }, { subresource: 'status' });
  }

  /** Makes the next move. @returns the state after it and the status that belongs to it */
  async #advance(
    initial: RolloutState,
  ): Promise<{ readonly state: RolloutState; readonly status: DeploymentStatus }> {
    let state = initial;
    let step = planRollout({ ...state, pods: this.#podsOf(state), ensured: false });
    if (step.kind === 'ensureNew') {
      state = await this.#writer.ensure(state);
      step = planRollout({ ...state, pods: this.#podsOf(state), ensured: true });
    }
    if (step.kind === 'ensureNew') return { state, status: this.#statusOf(state, 'rollout') };
    if (step.kind === 'scale') state = await this.#applyScales(state, step.scales);
    else await this.#deleteHistory(step.toDelete);
    return { state, status: this.#statusOf(state, step.status) };
  }

  #statusOf(state: RolloutState, kind: StatusKind): DeploymentStatus {
    const nowMs = this.#context.clock.nowMs();
    return kind === 'rollout' ? planRolloutStatus(state, nowMs) : planStatus(state, nowMs);
  }

  #podsOf({ newReplicaSet, oldReplicaSets }: RolloutState): readonly Pod[] {
    const { lister } = this.#context.informers.pods;
    const all = newReplicaSet === undefined ? oldReplicaSets : [...oldReplicaSets, newReplicaSet];
    return all.flatMap(({ metadata }) => lister.byIndex(controllerIndex, metadata.uid));
  }

  async #applyScales(state: RolloutState, scales: readonly Scale[]): Promise<RolloutState> {
    let { newReplicaSet, oldReplicaSets } = state;
    for (const scale of scales) {
      const updated = await this.#applyScale(state.deployment, scale);
      if (scale.replicaSet === newReplicaSet) newReplicaSet = updated;
      else oldReplicaSets = oldReplicaSets.map((old) => (old === scale.replicaSet ? updated : old));
    }
    return { ...state, newReplicaSet, oldReplicaSets };
  }

  async #applyScale(deployment: Deployment, { replicaSet, replicas }: Scale): Promise<ReplicaSet> {
    const annotations = { ...replicaSet.metadata.annotations, ...sizeAnnotations(deployment) };
    const before = replicasOf(replicaSet);
    if (before === replicas && isSame(annotations, replicaSet.metadata.annotations)) return replicaSet;
    const updated = await this.#context.client.update(replicasets, {
      ...replicaSet,
      metadata: { ...replicaSet.metadata, annotations },
      spec: { ...replicaSet.spec, replicas },
    });
    if (before !== replicas) {
      const direction = before < replicas ? 'up' : 'down';
      this.#events.event({
        object: deployment,
        type: 'Normal',
        reason: 'ScalingReplicaSet',
        message: `Scaled ${direction} replica set ${replicaSet.metadata.name} from ${before} to ${replicas}`,
      });
    }
    return updated;
  }

  async #deleteHistory(replicaSets: readonly ReplicaSet[]): Promise<void> {
    for (const { metadata } of replicaSets) {
      try {
        await this.#context.client.delete(replicasets, metadata, { uid: metadata.uid });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  }
}
