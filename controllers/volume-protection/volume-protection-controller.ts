import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.ts';
import {
  persistentvolumeclaims,
  persistentvolumes,
  pods as podsType,
} from '../../api/generated/resources.ts';
import type { ApiObject, ResourceType } from '../../api/kind-info.ts';
import { isNotFound } from '../../api/status-error.ts';
import { keyOf, splitKey } from '../../client/object-key.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop } from '../loop.ts';
import { isPodTerminal, isTerminating } from '../pod-state.ts';
import { claimIndex, claimsOf } from '../shared-informers.ts';

const workers = 4;
const claimFinalizer = 'kubernetes.io/pvc-protection';
const volumeFinalizer = 'kubernetes.io/pv-protection';

/** Holds claims while pods use them, and volumes while they are bound: deleted ones go when that is over. */
export class VolumeProtectionController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #claims: ReconcileLoop;
  readonly #volumes: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    const { volumeClaims, volumes, pods } = context.informers;
    this.#claims = new ReconcileLoop({
      ...{ ...loopOptions(context, 'pvc-protection', workers), needs: [volumeClaims, pods] },
      sync: (key) => this.#syncClaim(key),
    });
    this.#volumes = new ReconcileLoop({
      ...{ ...loopOptions(context, 'pv-protection', 1), needs: [volumes] },
      sync: (key) => this.#syncVolume(key),
    });
    volumeClaims.addHandler(enqueueTo(this.#claims));
    volumes.addHandler(enqueueTo(this.#volumes));
    pods.addHandler({
      onUpdate: (_previous, pod) => {
        if (isPodTerminal(pod)) this.#enqueueClaimsOf(pod);
      },
      onDelete: (pod) => this.#enqueueClaimsOf(pod),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#claims.run(signal), this.#volumes.run(signal)]);
  }

  #enqueueClaimsOf(pod: Pod): void {
    for (const key of claimsOf(pod)) this.#claims.enqueue(key);
  }

  async #syncClaim(key: string): Promise<undefined> {
    const { namespace, name } = splitKey(key);
    const { volumeClaims, pods } = this.#context.informers;
    const claim = volumeClaims.lister.get(namespace, name);
    if (claim === undefined) return;
    const isUsed =
      pods.lister.byIndex(claimIndex, key).some(holdsClaims) || (await this.#isUsedUnseen(claim, key));
    await this.#setFinalizer(persistentvolumeclaims, claim, claimFinalizer, isUsed);
  }

  /** Before a claim is let go: our cache may be what has not seen the pod that uses it. */
  async #isUsedUnseen(claim: PersistentVolumeClaim, key: string): Promise<boolean> {
    const { informers, client } = this.#context;
    const { namespace, resourceVersion, finalizers = [] } = claim.metadata;
    if (!isTerminating(claim) || !finalizers.includes(claimFinalizer)) return false;
    if (Number(informers.pods.lastResourceVersion ?? '0') >= Number(resourceVersion)) return false;
    const { items } = await client.list(podsType, { namespace });
    return items.some((pod) => holdsClaims(pod) && claimsOf(pod).includes(key));
  }

  async #syncVolume(name: string): Promise<undefined> {
    const volume = this.#context.informers.volumes.lister.get(undefined, name);
    if (volume === undefined) return;
    await this.#setFinalizer(persistentvolumes, volume, volumeFinalizer, volume.status?.phase === 'Bound');
  }

  /** On what is not being deleted the finalizer stands, on what is it stands while it is used. */
  async #setFinalizer<T extends PersistentVolume | PersistentVolumeClaim>(
    type: ResourceType<T>,
    object: T,
    finalizer: string,
    isUsed: boolean,
  ): Promise<void> {
    const finalizers = object.metadata.finalizers ?? [];
    const has = finalizers.includes(finalizer);
    const wants = !isTerminating(object) || (has && isUsed);
    if (has === wants) return;
    const next = wants ? [...finalizers, finalizer] : finalizers.filter((one) => one !== finalizer);
    try {
      await this.#context.client.update(type, {
        ...object,
        metadata: { ...object.metadata, finalizers: next },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** A pod that no node has yet will not get a claim that is being deleted. */
const holdsClaims = (pod: Pod): boolean => (pod.spec.nodeName ?? '') !== '' && !isPodTerminal(pod);

const enqueueTo = (
  loop: ReconcileLoop,
): { onAdd(object: ApiObject): void; onUpdate(previous: ApiObject, object: ApiObject): void } => ({
  onAdd: (object) => loop.enqueue(keyOf(object)),
  onUpdate: (_previous, object) => loop.enqueue(keyOf(object)),
});
