/** The volumes that a pod's claims are bound to. */
import type { PersistentVolume, Pod, Volume } from '../../api/generated/core-v1.ts';
import { persistentvolumeclaims, persistentvolumes } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import { isBound } from '../../api/volume-claim.ts';
import type { ApiClient } from '../../client/client.ts';
import { VolumeError } from './volume-files.ts';

/** By the name that the pod gives its volume. */
export type ClaimedVolumes = ReadonlyMap<string, PersistentVolume>;

export const claimOf = (
  { metadata }: Pod,
  { name, persistentVolumeClaim, ephemeral }: Volume,
): string | undefined =>
  persistentVolumeClaim?.claimName ?? (ephemeral === undefined ? undefined : `${metadata.name}-${name}`);

/** Reads each claim and its volume, as the API has them now. @throws VolumeError for one that is not bound */
export async function readClaimedVolumes(client: Pick<ApiClient, 'get'>, pod: Pod): Promise<ClaimedVolumes> {
  const found = new Map<string, PersistentVolume>();
  for (const volume of pod.spec.volumes ?? []) {
    const claim = claimOf(pod, volume);
    if (claim !== undefined) found.set(volume.name, await readOne(client, pod, volume, claim));
  }
  return found;
}

async function readOne(
  client: Pick<ApiClient, 'get'>,
  { metadata }: Pod,
  { name, ephemeral }: Volume,
  claimName: string,
): Promise<PersistentVolume> {
  const { namespace = '' } = metadata;
  const failed = (why: string): VolumeError =>
    new VolumeError(
      `Unable to attach or mount volumes: unmounted volumes=[${name}], unattached volumes=[], failed to process volumes=[${name}]: error processing PVC ${namespace}/${claimName}: ${why}`,
    );
  try {
    const claim = await client.get(persistentvolumeclaims, { namespace, name: claimName });
    const isOwned = (claim.metadata.ownerReferences ?? []).some(({ uid }) => uid === metadata.uid);
    if (ephemeral !== undefined && !isOwned)
      throw failed(`PVC ${namespace}/${claimName} was not created for pod ${namespace}/${metadata.name}`);
    if (claim.metadata.deletionTimestamp !== undefined) throw failed('PVC is being deleted');
    if (!isBound(claim)) throw failed('PVC is not bound');
    const volume = await client.get(persistentvolumes, { name: claim.spec?.volumeName ?? '' });
    if (volume.spec?.claimRef?.uid !== claim.metadata.uid) throw failed('PV is bound to another PVC');
    return volume;
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw failed(`failed to fetch PVC from API server: ${error instanceof Error ? error.message : ''}`);
  }
}
