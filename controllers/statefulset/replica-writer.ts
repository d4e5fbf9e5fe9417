import type { StatefulSet } from '../../api/generated/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.ts';
import { persistentvolumeclaims, pods } from '../../api/generated/resources.ts';
import { isAlreadyExists, isNotFound } from '../../api/status-error.ts';
import { messageOf } from '../../base/invariant.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import { keyOf } from '../../client/object-key.ts';
import { runBounded } from '../batches.ts';
import type { ControllerContext } from '../context.ts';
import type { Expectations } from '../expectations.ts';
import { createPod, isNamespaceTerminating } from '../pod-creation.ts';
import { isTerminating } from '../pod-state.ts';
import { untilAnswered } from '../until-answered.ts';
import { isStaleClaim, planClaimOwners } from './claim-ownership.ts';
import { claimNameOf, identityLabels, newClaim, newReplica, podNameOf, type Version } from './identity.ts';
import type { ReplicaStep } from './plan-replicas.ts';

export interface ReplicaWriterOptions {
  readonly context: ControllerContext;
  readonly events: EventSink;
  readonly expectations: Expectations;
}

/** Carries out steps: pods, their claims, and the events that tell of them. */
export class ReplicaWriter {
  readonly #options: ReplicaWriterOptions;

  constructor(options: ReplicaWriterOptions) {
    this.#options = options;
  }

  async apply(set: StatefulSet, step: ReplicaStep, signal: AbortSignal): Promise<void> {
    switch (step.kind) {
      case 'create':
        return this.#create(set, step.ordinal, step.version, signal);
      case 'delete':
        return this.#delete(set, step.pod, signal);
      case 'recreate':
        this.#reportEnded(set, step.pod);
        return this.#delete(set, step.pod, signal);
      case 'ensureClaims':
        await this.#ensureClaims(set, step.ordinal);
        return;
      case 'repair':
        return this.#repair(set, step.pod, step.ordinal);
    }
  }

  /** Makes the owners of the claims of `replicas` follow the set's retention policy. */
  async retainClaims(
    set: StatefulSet,
    replicas: readonly { readonly ordinal: number; readonly pod: Pod }[],
  ): Promise<void> {
    await runBounded(replicas, async ({ ordinal, pod }) => {
      for (const claim of this.#claimsOf(set, ordinal)) await this.#retainClaim(set, claim, ordinal, pod);
    });
  }

  #claimsOf(set: StatefulSet, ordinal: number): readonly PersistentVolumeClaim[] {
    const { lister } = this.#options.context.informers.volumeClaims;
    return (set.spec.volumeClaimTemplates ?? []).flatMap(
      (template) => lister.get(set.metadata.namespace, claimNameOf(template, set, ordinal)) ?? [],
    );
  }

  async #retainClaim(
    set: StatefulSet,
    claim: PersistentVolumeClaim,
    ordinal: number,
    pod: Pod | undefined,
  ): Promise<void> {
    const ownerReferences = planClaimOwners(set, claim, ordinal, pod);
    if (ownerReferences === undefined) return;
    const metadata = { ...claim.metadata, ownerReferences };
    await this.#options.context.client.update(persistentvolumeclaims, { ...claim, metadata });
  }

  async #create(set: StatefulSet, ordinal: number, version: Version, signal: AbortSignal): Promise<void> {
    const { context, expectations } = this.#options;
    const name = podNameOf(set, ordinal);
    // Its claims go with the pod that was here before; their end brings this replica back.
    if (this.#claimsOf(set, ordinal).some((claim) => isStaleClaim(claim, name, undefined))) return;
    await this.#ensureClaims(set, ordinal);
    const key = keyOf(set);
    expectations.expectCreation(key, name);
    try {
      const created = await createPod({ ...context, signal }, set, newReplica(set, ordinal, version));
      if (created === undefined) return;
      expectations.creationAnswered(key, name, created.metadata.resourceVersion);
      this.#report(
        set,
        'Normal',
        'SuccessfulCreate',
        `create Pod ${name} in StatefulSet ${set.metadata.name} successful`,
      );
    } catch (error) {
      expectations.creationObserved(key, name);
      if (isNamespaceTerminating(error)) return;
      this.#reportFailure(set, 'Create', `Pod ${name}`, error);
      throw error;
    }
  }

  async #delete(set: StatefulSet, pod: Pod, signal: AbortSignal): Promise<void> {
    const { context, expectations } = this.#options;
    const { name, uid } = pod.metadata;
    const key = keyOf(set);
    expectations.expectDeletion(key, uid);
    try {
      await untilAnswered({ ...context, signal }, () => context.client.delete(pods, pod.metadata, { uid }));
      this.#report(
        set,
        'Normal',
        'SuccessfulDelete',
        `delete Pod ${name} in StatefulSet ${set.metadata.name} successful`,
      );
    } catch (error) {
      expectations.deletionObserved(key, uid);
      if (isNotFound(error)) return;
      this.#reportFailure(set, 'Delete', `Pod ${name}`, error);
      throw error;
    }
  }

  async #ensureClaims(set: StatefulSet, ordinal: number): Promise<void> {
    for (const template of set.spec.volumeClaimTemplates ?? [])
      await this.#ensureClaim(set, ordinal, template);
  }

  async #ensureClaim(set: StatefulSet, ordinal: number, template: PersistentVolumeClaim): Promise<void> {
    const { client, informers } = this.#options.context;
    const { namespace } = set.metadata;
    const name = claimNameOf(template, set, ordinal);
    const found = informers.volumeClaims.lister.get(namespace, name);
    if (found !== undefined) {
      if (isTerminating(found)) throw new Error(`pvc ${name} is being deleted`);
      return;
    }
    const of = `${name} Pod ${podNameOf(set, ordinal)} in StatefulSet ${set.metadata.name}`;
    try {
      const claim = newClaim(set, ordinal, template);
      const created = await client.create(persistentvolumeclaims, claim);
      this.#report(set, 'Normal', 'SuccessfulCreate', `create Claim ${of} success`);
      await this.#retainClaim(set, created, ordinal, undefined);
    } catch (error) {
      if (isAlreadyExists(error)) return;
      this.#report(set, 'Warning', 'FailedCreate', `create Claim ${of} failed error: ${messageOf(error)}`);
      throw error;
    }
  }

  async #repair(set: StatefulSet, pod: Pod, ordinal: number): Promise<void> {
    const metadata = { uid: pod.metadata.uid, labels: identityLabels(set, ordinal) };
    const { client } = this.#options.context;
    await client.patch(pods, pod.metadata, { type: 'merge', body: { metadata } });
    const { name } = pod.metadata;
    this.#report(
      set,
      'Normal',
      'SuccessfulUpdate',
      `update Pod ${name} in StatefulSet ${set.metadata.name} successful`,
    );
  }

  #reportEnded(set: StatefulSet, pod: Pod): void {
    const hasFailed = pod.status?.phase === 'Failed';
    const [type, reason] = hasFailed
      ? (['Warning', 'RecreatingFailedPod'] as const)
      : (['Normal', 'RecreatingTerminatedPod'] as const);
    const what = hasFailed ? 'failed' : 'terminated';
    const message = `StatefulSet ${keyOf(set)} is recreating ${what} Pod ${pod.metadata.name}`;
    this.#report(set, type, reason, message);
  }

  #reportFailure(set: StatefulSet, verb: 'Create' | 'Delete', what: string, error: unknown): void {
    const message = `${verb.toLowerCase()} ${what} in StatefulSet ${set.metadata.name} failed error: ${messageOf(error)}`;
    this.#report(set, 'Warning', `Failed${verb}`, message);
  }

  #report(object: StatefulSet, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#options.events.event({ object, type, reason, message });
  }
}
