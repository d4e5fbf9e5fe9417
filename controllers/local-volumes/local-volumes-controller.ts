import type { PersistentVolumeClaim } from '../../api/generated/core-v1.ts';
import { persistentvolumeclaims, persistentvolumes, storageclasses } from '../../api/generated/resources.ts';
import type { StorageClass } from '../../api/generated/storage-v1.ts';
import { isAlreadyExists, isNotFound } from '../../api/status-error.ts';
import {
  localNodeLabel,
  localProvisioner,
  localVolumeFinalizer,
  provisionedByAnnotation,
  selectedNodeAnnotation,
  storageClassOf,
} from '../../api/volume-claim.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import { keyOf, splitKey } from '../../client/object-key.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { localPathClass, newVolume, refusalOf } from './new-volume.ts';

const workers = 4;

/**
 * Makes a volume for a claim of class `local-path` once the scheduler has chosen a node: a directory that the node's
 * agent makes when it is first used, and removes when the volume has been released and is deleted.
 *
 * INVARIANTS: a volume's name follows from its claim's uid, so there are never two; only a volume that is released
 * is deleted, and it stays until its node says that the directory is gone, or the node itself is.
 */
export class LocalVolumesController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #events: EventSink;
  readonly #claims: ReconcileLoop;
  readonly #volumes: ReconcileLoop;
  readonly #classes: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#events = context.eventsOf(localProvisioner);
    const { volumeClaims, volumes, storageClasses, nodes } = context.informers;
    const needs = [volumeClaims, volumes, storageClasses, nodes];
    const options = { ...loopOptions(context, 'local-volumes', workers), needs };
    this.#claims = new ReconcileLoop({ ...options, sync: (key) => this.#provision(key) });
    this.#volumes = new ReconcileLoop({ ...options, sync: (name) => this.#reclaim(name) });
    this.#classes = new ReconcileLoop({ ...options, workers: 1, sync: () => this.#ensureClass() });
    const wanted = (claim: PersistentVolumeClaim): void => {
      if ((claim.spec?.volumeName ?? '') === '') this.#claims.enqueue(keyOf(claim));
    };
    volumeClaims.addHandler({ onAdd: wanted, onUpdate: (_previous, claim) => wanted(claim) });
    volumes.addHandler({
      onAdd: ({ metadata }) => this.#volumes.enqueue(metadata.name),
      onUpdate: (_previous, { metadata }) => this.#volumes.enqueue(metadata.name),
    });
    nodes.addHandler({
      onDelete: ({ metadata }) => {
        for (const volume of volumes.lister.list())
          if (volume.metadata.labels?.[localNodeLabel] === metadata.name)
            this.#volumes.enqueue(volume.metadata.name);
      },
    });
    this.#classes.enqueue(localPathClass.metadata.name ?? '');
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#claims.run(signal), this.#volumes.run(signal), this.#classes.run(signal)]);
  }

  /** Made once and then left to its users; one that was deleted comes back when the controllers start. */
  async #ensureClass(): Promise<undefined> {
    const { storageClasses } = this.#context.informers;
    if (storageClasses.lister.get(undefined, localPathClass.metadata.name ?? '') !== undefined) return;
    try {
      await this.#context.client.create(storageclasses, localPathClass);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }

  async #provision(key: string): Promise<SyncResult | undefined> {
    const { namespace, name } = splitKey(key);
    const { volumeClaims, storageClasses } = this.#context.informers;
    const claim = volumeClaims.lister.get(namespace, name);
    if (claim === undefined || (claim.spec?.volumeName ?? '') !== '') return undefined;
    const storageClass = storageClasses.lister.get(undefined, storageClassOf(claim));
    if (storageClass?.provisioner !== localProvisioner) return undefined;
    const selected = claim.metadata.annotations?.[selectedNodeAnnotation];
    if (selected === undefined && storageClass.volumeBindingMode === 'WaitForFirstConsumer') return undefined;
    if (claim.metadata.deletionTimestamp !== undefined) return undefined;
    const refusal =
      selected === undefined
        ? 'a local volume needs a node: volumeBindingMode must be WaitForFirstConsumer'
        : refusalOf(claim);
    if (refusal !== undefined) this.#fail(claim, storageClass, refusal);
    else await this.#make(claim, storageClass, selected ?? '');
    return undefined;
  }

  async #make(claim: PersistentVolumeClaim, storageClass: StorageClass, selected: string): Promise<void> {
    const node = this.#context.informers.nodes.lister.get(undefined, selected);
    const volume = node === undefined ? undefined : newVolume(claim, storageClass, node);
    if (volume === undefined) {
      this.#fail(claim, storageClass, `node "${selected}" makes no local volumes`);
      await this.#deselect(claim);
      return;
    }
    try {
      await this.#context.client.create(persistentvolumes, volume);
    } catch (error) {
      if (isAlreadyExists(error)) return;
      throw error;
    }
    const message = `Successfully provisioned volume ${volume.metadata.name}`;
    this.#events.event({ object: claim, type: 'Normal', reason: 'ProvisioningSucceeded', message });
  }

  /** The scheduler chooses anew. */
  async #deselect(claim: PersistentVolumeClaim): Promise<void> {
    const { [selectedNodeAnnotation]: _, ...annotations } = claim.metadata.annotations ?? {};
    await this.#context.client.update(persistentvolumeclaims, {
      ...claim,
      metadata: { ...claim.metadata, annotations },
    });
  }

  #fail(claim: PersistentVolumeClaim, { metadata }: StorageClass, why: string): void {
    const message = `failed to provision volume with StorageClass "${metadata.name}": ${why}`;
    this.#events.event({ object: claim, type: 'Warning', reason: 'ProvisioningFailed', message });
  }

  async #reclaim(name: string): Promise<undefined> {
    const { client, informers } = this.#context;
    const volume = informers.volumes.lister.get(undefined, name);
    if (volume?.metadata.annotations?.[provisionedByAnnotation] !== localProvisioner) return;
    const { metadata, spec, status } = volume;
    try {
      if (metadata.deletionTimestamp === undefined) {
        if (status?.phase === 'Released' && spec?.persistentVolumeReclaimPolicy === 'Delete')
          await client.delete(persistentvolumes, metadata, { uid: metadata.uid });
      } else if (
        informers.nodes.lister.get(undefined, metadata.labels?.[localNodeLabel] ?? '') === undefined
      ) {
        const finalizers = (metadata.finalizers ?? []).filter((each) => each !== localVolumeFinalizer);
        if (finalizers.length < (metadata.finalizers ?? []).length)
          await client.update(persistentvolumes, { ...volume, metadata: { ...metadata, finalizers } });
      }
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
