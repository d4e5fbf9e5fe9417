import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.ts';
import { persistentvolumeclaims, persistentvolumes } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import {
  bindCompletedAnnotation,
  boundByControllerAnnotation,
  storageClassOf,
  toClaimReference,
} from '../../api/volume-claim.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import { keyOf, objectKey, splitKey } from '../../client/object-key.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { claimIndex, claimsOf } from '../shared-informers.ts';
import { isSame } from '../structural-equality.ts';
import { type ClaimEvent, defaultClassOf, planClaim } from './plan-claim.ts';
import { planVolume } from './plan-volume.ts';

const workers = 4;
const provisionerAnnotation = 'volume.kubernetes.io/storage-provisioner';
/** Who waits is told again now and then; a helpful change is seen at once. */
const waitingMs = 15_000;

/** Binds claims and volumes to each other, and says what has become of volumes whose claims are gone. */
export class VolumeBindingController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #events: EventSink;
  readonly #claims: ReconcileLoop;
  readonly #volumes: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#events = context.eventsOf('persistentvolume-controller');
    const { volumeClaims, volumes, storageClasses, pods } = context.informers;
    const needs = [volumeClaims, volumes, storageClasses, pods];
    this.#claims = new ReconcileLoop({
      ...{ ...loopOptions(context, 'claim-binding', workers), needs },
      sync: (key) => this.#syncClaim(key),
    });
    this.#volumes = new ReconcileLoop({
      ...{ ...loopOptions(context, 'volume-binding', workers), needs },
      sync: (name) => this.#syncVolume(name),
    });
    const claimChanged = (claim: PersistentVolumeClaim): void => {
      this.#claims.enqueue(keyOf(claim));
      const { volumeName = '' } = claim.spec ?? {};
      if (volumeName !== '') this.#volumes.enqueue(volumeName);
    };
    volumeClaims.addHandler({
      onAdd: claimChanged,
      onUpdate: (_previous, claim) => claimChanged(claim),
      onDelete: claimChanged,
    });
    const volumeChanged = (volume: PersistentVolume): void => {
      this.#volumes.enqueue(volume.metadata.name);
      const { namespace, name } = volume.spec?.claimRef ?? {};
      if (name !== undefined) this.#claims.enqueue(objectKey(namespace, name));
      else this.#enqueueUnbound();
    };
    volumes.addHandler({
      onAdd: volumeChanged,
      onUpdate: (_previous, volume) => volumeChanged(volume),
      onDelete: (volume) => {
        const { namespace, name } = volume.spec?.claimRef ?? {};
        if (name !== undefined) this.#claims.enqueue(objectKey(namespace, name));
      },
    });
    storageClasses.addHandler({
      onAdd: () => this.#enqueueUnbound(),
      onUpdate: () => this.#enqueueUnbound(),
      onDelete: () => undefined,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#claims.run(signal), this.#volumes.run(signal)]);
  }

  #enqueueUnbound(): void {
    for (const claim of this.#context.informers.volumeClaims.lister.list())
      if (claim.status?.phase !== 'Bound') this.#claims.enqueue(keyOf(claim));
  }

  async #syncClaim(key: string): Promise<SyncResult | undefined> {
    const { namespace, name } = splitKey(key);
    const { volumeClaims, volumes, storageClasses } = this.#context.informers;
    const claim = volumeClaims.lister.get(namespace, name);
    if (claim === undefined) return undefined;
    const { volumeName = '' } = claim.spec ?? {};
    const step = planClaim({
      claim,
      storageClass: storageClasses.lister.get(undefined, storageClassOf(claim)),
      named: volumeName === '' ? undefined : volumes.lister.get(undefined, volumeName),
      volumes: volumeName === '' ? volumes.lister.list() : [],
      defaultClass: defaultClassOf(storageClasses.lister.list()),
      consumer: this.#consumerOf(key),
    });
    switch (step.kind) {
      case 'bind':
        await this.#bind(claim, step.volume);
        return undefined;
      case 'lose':
        if (claim.status?.phase !== 'Lost') {
          this.#report(claim, step.event);
          await this.#setClaimStatus(claim, { phase: 'Lost' });
        }
        return undefined;
      case 'provision':
        this.#report(claim, step.event);
        await this.#annotate(claim, step.provisioner);
        return { requeueAfterMs: waitingMs };
      case 'classify':
        await this.#context.client.update(persistentvolumeclaims, {
          ...{ ...claim, spec: { ...claim.spec, storageClassName: step.className } },
        });
        return undefined;
      case 'wait':
        if (step.event !== undefined) this.#report(claim, step.event);
        return { requeueAfterMs: waitingMs };
    }
  }

  /** Each write is made only when it changes something: whoever is interrupted goes on where it was. */
  async #bind(claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
    const { client } = this.#context;
    const bound = await this.#reserve(volume, claim);
    if (bound.status?.phase !== 'Bound')
      await client.update(
        persistentvolumes,
        { ...bound, status: { ...bound.status, phase: 'Bound' } },
        { subresource: 'status' },
      );
    const { annotations = {} } = claim.metadata;
    let current = claim;
    if ((claim.spec?.volumeName ?? '') === '' || annotations[bindCompletedAnnotation] === undefined)
      current = await client.update(persistentvolumeclaims, {
        ...claim,
        metadata: {
          ...claim.metadata,
          annotations: {
            ...annotations,
            ...((claim.spec?.volumeName ?? '') === '' ? { [boundByControllerAnnotation]: 'yes' } : {}),
            [bindCompletedAnnotation]: 'yes',
          },
        },
        spec: { ...claim.spec, volumeName: volume.metadata.name },
      });
    const { accessModes, capacity } = volume.spec ?? {};
    await this.#setClaimStatus(current, {
      ...current.status,
      ...{ phase: 'Bound', accessModes, capacity: current.status?.capacity ?? capacity },
    });
  }

  async #reserve(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<PersistentVolume> {
    const reference = volume.spec?.claimRef;
    if (reference?.uid === claim.metadata.uid) return volume;
    const annotations = {
      ...volume.metadata.annotations,
      ...(reference === undefined ? { [boundByControllerAnnotation]: 'yes' } : {}),
    };
    return this.#context.client.update(persistentvolumes, {
      ...{ ...volume, metadata: { ...volume.metadata, annotations } },
      spec: { ...volume.spec, claimRef: toClaimReference(claim) },
    });
  }

  async #annotate(claim: PersistentVolumeClaim, provisioner: string): Promise<void> {
    const { annotations = {} } = claim.metadata;
    if (annotations[provisionerAnnotation] === provisioner) return;
    const old = `volume.beta.${provisionerAnnotation.slice('volume.'.length)}`;
    await this.#context.client.update(persistentvolumeclaims, {
      ...claim,
      metadata: {
        ...claim.metadata,
        annotations: { ...annotations, [provisionerAnnotation]: provisioner, [old]: provisioner },
      },
    });
  }

  async #setClaimStatus(
    claim: PersistentVolumeClaim,
    status: NonNullable<PersistentVolumeClaim['status']>,
  ): Promise<void> {
    if (isSame(claim.status, status)) return;
    await this.#context.client.update(
      persistentvolumeclaims,
      { ...claim, status },
      { subresource: 'status' },
    );
  }

  async #syncVolume(name: string): Promise<undefined> {
    const { volumes, volumeClaims } = this.#context.informers;
    const volume = volumes.lister.get(undefined, name);
    if (volume === undefined) return;
    const { namespace, name: claimName = '' } = volume.spec?.claimRef ?? {};
    const cached = claimName === '' ? undefined : volumeClaims.lister.get(namespace, claimName);
    let step = planVolume(volume, cached);
    // What is released may be deleted with all that is in it: the cache does not decide over that.
    if (claimName !== '' && step.kind === 'phase' && step.phase === 'Released' && !isReleased(volume))
      step = planVolume(volume, await this.#liveClaim(namespace, claimName));
    switch (step.kind) {
      case 'phase':
        await this.#setPhase(volume, { phase: step.phase });
        return;
      case 'fail':
        this.#report(volume, { type: 'Warning', reason: step.reason, message: step.message });
        await this.#setPhase(volume, { phase: 'Failed', message: step.message, reason: step.reason });
        return;
      case 'free': {
        const { claimRef: _, ...spec } = volume.spec ?? {};
        await this.#context.client.update(persistentvolumes, { ...volume, spec });
        return;
      }
      case 'nothing':
        return;
    }
  }

  async #liveClaim(namespace: string | undefined, name: string): Promise<PersistentVolumeClaim | undefined> {
    try {
      return await this.#context.client.get(persistentvolumeclaims, { namespace, name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #setPhase(
    volume: PersistentVolume,
    wanted: { readonly phase: string; readonly message?: string; readonly reason?: string },
  ): Promise<void> {
    if (volume.status?.phase === wanted.phase) return;
    const { message: _, reason: __, ...kept } = volume.status ?? {};
    await this.#context.client.update(
      persistentvolumes,
      { ...volume, status: { ...kept, ...wanted } },
      { subresource: 'status' },
    );
  }

  #consumerOf(key: string): string | undefined {
    const waits = ({ spec }: Pod): boolean => (spec.nodeName ?? '') === '';
    const { lister } = this.#context.informers.pods;
    return lister.byIndex(claimIndex, key).find((pod) => waits(pod) && claimsOf(pod).includes(key))?.metadata
      .name;
  }

  #report(object: PersistentVolume | PersistentVolumeClaim, event: ClaimEvent): void {
    this.#events.event({ object, ...event });
  }
}

const isReleased = ({ status }: PersistentVolume): boolean =>
  status?.phase === 'Released' || status?.phase === 'Failed';
