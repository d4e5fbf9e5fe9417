import type { Pod } from '../../api/generated/core-v1.ts';
import { persistentvolumeclaims, pods } from '../../api/generated/resources.ts';
import { isAlreadyExists } from '../../api/status-error.ts';
import { messageOf } from '../../base/invariant.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import { keyOf, splitKey } from '../../client/object-key.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop } from '../loop.ts';
import { isControlledBy, toControllerReference } from '../ownership.ts';
import { isPodTerminal, isTerminating } from '../pod-state.ts';
import { claimIndex } from '../shared-informers.ts';

const workers = 4;

/** Makes the claims of pods' ephemeral volumes; they go with their pod, as the garbage collector sees to it. */
export class EphemeralVolumeController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #events: EventSink;
  readonly #loop: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#events = context.eventsOf('ephemeral_volume');
    const { pods: podInformer, volumeClaims } = context.informers;
    this.#loop = new ReconcileLoop({
      ...{ ...loopOptions(context, 'ephemeral-volume', workers), needs: [podInformer, volumeClaims] },
      sync: (key) => this.#sync(key),
    });
    // One that was deleted is made again for a pod that still waits for it.
    volumeClaims.addHandler({
      onDelete: (claim) => {
        for (const pod of podInformer.lister.byIndex(claimIndex, keyOf(claim)))
          if (hasEphemeral(pod)) this.#loop.enqueue(keyOf(pod));
      },
    });
    podInformer.addHandler({
      onAdd: (pod) => {
        if (hasEphemeral(pod)) this.#loop.enqueue(keyOf(pod));
      },
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }

  async #sync(key: string): Promise<undefined> {
    const { namespace, name } = splitKey(key);
    const pod = this.#context.informers.pods.lister.get(namespace, name);
    if (pod === undefined || isTerminating(pod) || isPodTerminal(pod)) return;
    for (const { name: volume, ephemeral } of pod.spec.volumes ?? [])
      if (ephemeral?.volumeClaimTemplate !== undefined)
        await this.#ensureClaim(pod, `${name}-${volume}`, ephemeral.volumeClaimTemplate);
  }

  async #ensureClaim(
    pod: Pod,
    name: string,
    {
      metadata,
      spec,
    }: NonNullable<
      NonNullable<NonNullable<Pod['spec']['volumes']>[number]['ephemeral']>['volumeClaimTemplate']
    >,
  ): Promise<void> {
    const { client, informers } = this.#context;
    const { namespace } = pod.metadata;
    const found = informers.volumeClaims.lister.get(namespace, name);
    if (found !== undefined) {
      if (isControlledBy(found, pod)) return;
      const message = `PVC ${namespace}/${name} was not created for the pod ${namespace}/${pod.metadata.name}: pod is not owner`;
      this.#events.event({ object: pod, type: 'Warning', reason: 'FailedBinding', message });
      throw new Error(message);
    }
    try {
      await client.create(persistentvolumeclaims, {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: {
          ...{ name, namespace, labels: metadata?.labels, annotations: metadata?.annotations },
          ownerReferences: [toControllerReference(pods, pod)],
        },
        spec,
      });
    } catch (error) {
      if (isAlreadyExists(error)) throw error;
      const message = `ephemeral volume controller: create claim ${name}: ${messageOf(error)}`;
      this.#events.event({ object: pod, type: 'Warning', reason: 'FailedBinding', message });
      throw error;
    }
  }
}

const hasEphemeral = ({ spec }: Pod): boolean =>
  (spec.volumes ?? []).some(({ ephemeral }) => ephemeral !== undefined);
