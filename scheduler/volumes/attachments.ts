import type { PersistentVolume } from '../../api/generated/core-v1.ts';
import type { VolumeAttachment } from '../../api/generated/storage-v1.ts';
import type { DriverVolume } from '../framework/volume-needs.ts';

type VolumeOf = (name: string) => PersistentVolume | undefined;

/** VolumeAttachments by node and by volume. What they say beside that does not change. */
export class Attachments {
  readonly #onNode = new Map<string, Map<string, VolumeAttachment>>();
  readonly #ofVolume = new Map<string, Map<string, VolumeAttachment>>();

  add(attachment: VolumeAttachment): void {
    const { name } = attachment.metadata;
    const put = (index: Map<string, Map<string, VolumeAttachment>>, key: string): void => {
      index.set(key, (index.get(key) ?? new Map<string, VolumeAttachment>()).set(name, attachment));
    };
    put(this.#onNode, attachment.spec.nodeName);
    put(this.#ofVolume, volumeNameOf(attachment));
  }

  remove(attachment: VolumeAttachment): void {
    const { name } = attachment.metadata;
    const take = (index: Map<string, Map<string, VolumeAttachment>>, key: string): void => {
      const left = index.get(key);
      left?.delete(name);
      if (left?.size === 0) index.delete(key);
    };
    take(this.#onNode, attachment.spec.nodeName);
    take(this.#ofVolume, volumeNameOf(attachment));
  }

  /** Nodes that the volume is attached to. */
  nodesOf(volume: string): readonly string[] {
    return [...(this.#ofVolume.get(volume)?.values() ?? [])].map(({ spec }) => spec.nodeName);
  }

  /** Volumes of storage drivers that are attached to the node; a volume that is not known is left out. */
  volumesOn(node: string, volumeOf: VolumeOf): readonly DriverVolume[] {
    return [...(this.#onNode.get(node)?.values() ?? [])].flatMap((attachment): DriverVolume[] => {
      const volume = volumeOf(volumeNameOf(attachment));
      if (volume?.spec?.csi === undefined) return [];
      return [{ driver: attachment.spec.attacher, claim: claimNameOf(volume) }];
    });
  }
}

const volumeNameOf = ({ spec }: VolumeAttachment): string => spec.source.persistentVolumeName ?? '';

/** By its claim a volume is known to be the one that a pod uses; without one nobody can use it. */
function claimNameOf({ metadata, spec }: PersistentVolume): string {
  const { namespace, name } = spec?.claimRef ?? {};
  return name === undefined ? `volume ${metadata.name}` : `${namespace}/${name}`;
}
