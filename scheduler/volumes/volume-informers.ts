import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.ts';
import {
  csinodes,
  persistentvolumeclaims,
  persistentvolumes,
  storageclasses,
  volumeattachments,
} from '../../api/generated/resources.ts';
import type { CSINode, StorageClass, VolumeAttachment } from '../../api/generated/storage-v1.ts';
import { TaskGroup } from '../../base/task-group.ts';
import { Informer, type InformerOptions } from '../../client/informer.ts';
import { type VolumeLimits, volumeLimitsOf } from '../framework/volume-limits.ts';
import type { VolumeNeeds } from '../framework/volume-needs.ts';
import { claimNamesOf, placedVolumeNeedsOf, type VolumeLookup, volumeNeedsOf } from '../volume-state.ts';
import { Attachments } from './attachments.ts';
import { VolumeReservations } from './volume-reservations.ts';

type FollowOptions = Omit<InformerOptions<PersistentVolume>, 'type'>;

/** Follows claims, volumes, storage classes, and how many volumes nodes can have, and have. */
export class VolumeInformers {
  readonly reservations: VolumeReservations = new VolumeReservations();
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #classes: Informer<StorageClass>;
  readonly #limits: Informer<CSINode>;
  readonly #attachments: Informer<VolumeAttachment>;
  readonly #attached = new Attachments();
  readonly #lookup: VolumeLookup;

  constructor({ client, clock, random, logger }: FollowOptions) {
    const options = { client, clock, random, logger };
    this.#claims = new Informer({ ...options, type: persistentvolumeclaims });
    this.#volumes = new Informer({ ...options, type: persistentvolumes });
    this.#classes = new Informer({ ...options, type: storageclasses });
    this.#limits = new Informer({ ...options, type: csinodes });
    this.#attachments = new Informer({ ...options, type: volumeattachments });
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

  /** @param changed gets the name of a node whose limits may be others */
  onLimits(changed: (node: string) => void): void {
    const tell = ({ metadata }: CSINode): void => changed(metadata.name);
    this.#limits.addHandler({ onAdd: tell, onUpdate: (_, node) => tell(node), onDelete: tell });
    this.#attachments.addHandler({
      onAdd: (attachment) => {
        this.#attached.add(attachment);
        changed(attachment.spec.nodeName);
      },
      // Its node and its volume stay.
      onUpdate: () => undefined,
      onDelete: (attachment) => {
        this.#attached.remove(attachment);
        changed(attachment.spec.nodeName);
      },
    });
    const tellNodesOf = ({ metadata }: PersistentVolume): void => {
      for (const node of this.#attached.nodesOf(metadata.name)) changed(node);
    };
    this.#volumes.addHandler({
      onAdd: tellNodesOf,
      onUpdate: (_, volume) => tellNodesOf(volume),
      onDelete: tellNodesOf,
    });
  }

  readonly limitsOf = (node: string): VolumeLimits | undefined =>
    volumeLimitsOf(this.#limits.lister.get(undefined, node), () =>
      this.#attached.volumesOn(node, (name) => this.volume(name)),
    );

  needsOf(pod: Pod): VolumeNeeds {
    const waits = (pod.spec.nodeName ?? '') === '';
    return waits ? volumeNeedsOf(pod, this.#lookup) : placedVolumeNeedsOf(pod, this.#lookup);
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
    for (const informer of this.#informers) group.start((until) => informer.run(until));
    await group.join();
  }

  async whenSynced(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#informers.map((each) => each.whenSynced(signal)));
  }

  get #informers(): readonly Pick<Informer<PersistentVolume>, 'run' | 'whenSynced'>[] {
    return [this.#claims, this.#volumes, this.#classes, this.#limits, this.#attachments];
  }
}
