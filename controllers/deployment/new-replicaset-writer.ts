import type { Deployment, ReplicaSet } from '../../api/generated/apps-v1.ts';
import { deployments, replicasets } from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import { isAlreadyExists } from '../../api/status-error.ts';
import { messageOf } from '../../base/invariant.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import type { ControllerContext } from '../context.ts';
import { isControlledBy } from '../ownership.ts';
import { isNamespaceTerminating } from '../pod-creation.ts';
import { revisionAnnotation } from './annotations.ts';
import { replicasOf } from './availability.ts';
import { type ConditionUpdate, conditionOf, hasProgressDeadline, withCondition } from './conditions.ts';
import { missingRevision, planNewReplicaSetUpdate, toNewReplicaSet } from './new-replicaset.ts';
import type { RolloutState } from './scaling.ts';
import { isSameTemplate } from './template.ts';

/** Ensures that the replica set of the current template exists with its annotations, and the Deployment shows its revision. */
export class NewReplicaSetWriter {
  readonly #context: ControllerContext;
  readonly #events: EventSink;

  constructor(context: ControllerContext, events: EventSink) {
    this.#context = context;
    this.#events = events;
  }

  async ensure(state: RolloutState): Promise<RolloutState> {
    const { replicaSet, progress } = await this.#ensureReplicaSet(state);
    const deployment = await this.#withRevision(state.deployment, replicaSet);
    return {
      ...state,
      newReplicaSet: replicaSet,
      deployment: this.#withProgress(deployment, progress),
    };
  }

  async #ensureReplicaSet(
    state: RolloutState,
  ): Promise<{ readonly replicaSet: ReplicaSet; readonly progress: ConditionUpdate | undefined }> {
    if (state.newReplicaSet === undefined) return this.#create(state);
    const update = planNewReplicaSetUpdate(state);
    const replicaSet =
      update === undefined ? state.newReplicaSet : await this.#context.client.update(replicasets, update);
    const isNews = conditionOf(state.deployment.status, 'Progressing') === undefined;
    const message = `Found new replica set "${replicaSet.metadata.name}"`;
    return { replicaSet, progress: isNews ? progressing('FoundNewReplicaSet', message) : undefined };
  }

  async #create(
    state: RolloutState,
  ): Promise<{ readonly replicaSet: ReplicaSet; readonly progress: ConditionUpdate | undefined }> {
    const wanted = toNewReplicaSet(state);
    const { deployment } = state;
    try {
      const replicaSet = await this.#context.client.create(replicasets, wanted);
      const { name } = replicaSet.metadata;
      const replicas = replicasOf(replicaSet);
      if (replicas > 0)
        this.#events.event({
          object: deployment,
          type: 'Normal',
          reason: 'ScalingReplicaSet',
          message: `Scaled up replica set ${name} from 0 to ${replicas}`,
        });
      return {
        replicaSet,
        progress: progressing('NewReplicaSetCreated', `Created new replica set "${name}"`),
      };
    } catch (error) {
      if (isAlreadyExists(error))
        return { replicaSet: await this.#resolve(deployment, wanted), progress: undefined };
      // Nothing can be created there any more, and there is no need to say so.
      if (!isNamespaceTerminating(error))
        await this.#reportCreateError(deployment, wanted.metadata.name ?? '', error);
      throw error;
    }
  }

  /** The name is taken: by ourselves, when the cache is behind, or by another template with the same hash. */
  async #resolve(deployment: Deployment, wanted: NewObject<ReplicaSet>): Promise<ReplicaSet> {
    const { namespace, name = '' } = wanted.metadata;
    const taken = await this.#context.client.get(replicasets, { namespace, name });
    if (isControlledBy(taken, deployment) && isSameTemplate(deployment.spec.template, taken.spec.template))
      return taken;
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
    const status = { ...deployment.status, collisionCount };
    await this.#context.client.update(deployments, { ...deployment, status }, { subresource: 'status' });
    throw new Error(
      `create ReplicaSet ${name}: the name belongs to another template; collision ${collisionCount}`,
    );
  }

  async #reportCreateError(deployment: Deployment, name: string, error: unknown): Promise<void> {
    const message = `Failed to create new replica set "${name}": ${messageOf(error)}`;
    this.#events.event({ object: deployment, type: 'Warning', reason: 'ReplicaSetCreateError', message });
    const failed: ConditionUpdate = {
      type: 'Progressing',
      status: 'False',
      reason: 'ReplicaSetCreateError',
      message,
    };
    const updated = this.#withProgress(deployment, failed);
    if (updated !== deployment)
      await this.#context.client.update(deployments, updated, { subresource: 'status' });
  }

  async #withRevision(deployment: Deployment, replicaSet: ReplicaSet): Promise<Deployment> {
    const revision = missingRevision(deployment, replicaSet);
    if (revision === undefined) return deployment;
    const { uid, generation } = deployment.metadata;
    const body = { metadata: { uid, annotations: { [revisionAnnotation]: revision } } };
    // Through the status: there a change of annotations is no new generation.
    const asStatus = { subresource: 'status' };
    const patched = await this.#context.client.patch(
      deployments,
      deployment.metadata,
      { type: 'merge', body },
      asStatus,
    );
    // What is decided here is decided on the spec as it was read; a newer one comes with its own event.
    return { ...deployment, metadata: { ...patched.metadata, generation } };
  }

  #withProgress(deployment: Deployment, update: ConditionUpdate | undefined): Deployment {
    if (update === undefined || !hasProgressDeadline(deployment)) return deployment;
    const before = deployment.status?.conditions ?? [];
    const conditions = withCondition(before, update, this.#context.clock.nowMs());
    return { ...deployment, status: { ...deployment.status, conditions } };
  }
}

function progressing(
  reason: 'NewReplicaSetCreated' | 'FoundNewReplicaSet',
  message: string,
): ConditionUpdate {
  return { type: 'Progressing', status: 'True', reason, message };
}
