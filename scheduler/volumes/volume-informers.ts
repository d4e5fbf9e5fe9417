import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.ts';
import { persistentvolumeclaims, persistentvolumes, storageclasses } from '../../api/generated/resources.ts';
import type { StorageClass } from '../../api/generated/storage-v1.ts';
import { TaskGroup } from '../../base/task-group.ts';
import { Informer, type InformerOptions } from '../../client/informer.ts';
import type { VolumeNeeds } from '../framework/volume-needs.ts';
import { claimNamesOf, type VolumeLookup, volumeNeedsOf } from '../volume-state.ts';
import { VolumeReservations } from './volume-reservations.ts';

type FollowOptions = Omit<InformerOptions<PersistentVolume>, 'type'>;

/** Follows claims, volumes and storage classes. */
export class VolumeInformers {
  readonly reservations: VolumeReservations = new VolumeReservations();
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #classes: Informer<StorageClass>;
  readonly #lookup: VolumeLookup;

  constructor({ client, clock, random, logger }: FollowOptions) {
    const options = { client, clock, random, logger };
    this.#claims = new Informer({ ...options, type: persistentvolumeclaims });
    this.#volumes = new Informer({ ...options, type: persistentvolumes });
    this.#classes = new Informer({ ...options, type: storageclasses });
    this.#lookup = {
      claim: (namespace, name) => this.#claims.lister.get(namespace, name),
      volume: (name) => this.#volumes.lister.get(undefined, name),
      storageClass: (name) => this.#classes.lister.get(undefined, name),
      volumes: ({ metadata }) =>
        this.#volumes.lister
          .list()
          .filter((volume) => this.reservations.isFreeFor(volume.metadata.name, metadata.uid)),
    };
  }

  /** @returns what ends it */
  onChange(changed: () => void): () => void {
    const handler = { onAdd: changed, onUpdate: changed, onDelete: changed };
    const ends = [
      this.#claims.addHandler(handler),
      this.#volumes.addHandler(handler),
      this.#classes.addHandler(handler),
    ];
    return () => {
      for (const end of ends) end();
    };
  }

  needsOf(pod: Pod): VolumeNeeds {
    return volumeNeedsOf(pod, this.#lookup);
  }

  claimsOf(pod: Pod): readonly PersistentVolumeClaim[] {
    return claimNamesOf(pod).flatMap((name) => this.claim(pod.metadata.namespace, name) ?? []);
  }

  claim(namespace: string | undefined, name: string): PersistentVolumeClaim | undefined {
    return this.#claims.lister.get(namespace, name);
  }

  volume(name: string): PersistentVolume | undefined {
    return this.#volumes.lister.get(undefined, name);
  }

  async run(signal: AbortSignal): Promise<void> {
    const group = new TaskGroup(signal);
    for (const informer of [this.#claims, this.#volumes, this.#classes])
      group.start((until) => informer.run(until));
    await group.join();
  }

  async whenSynced(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#claims, this.#volumes, this.#classes].map((each) => each.whenSynced(signal)));
  }
}
