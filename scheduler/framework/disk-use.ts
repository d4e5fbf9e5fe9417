import type { Volume } from '../../api/generated/core-v1.ts';
import type { DiskUse } from './volume-needs.ts';

const none: readonly DiskUse[] = [];

/**
 * The disks behind volumes that name one without a claim: of Google's, Amazon's, iSCSI and Ceph, as Kubernetes tells
 * them apart. An image of Ceph has a name by each of its monitors.
 */
export const disksOf = (volumes: readonly Volume[] | undefined): readonly DiskUse[] =>
  volumes === undefined || !volumes.some(namesDisk) ? none : volumes.flatMap(usesOf);

const namesDisk = ({ gcePersistentDisk, awsElasticBlockStore, iscsi, rbd }: Volume): boolean =>
  (gcePersistentDisk ?? awsElasticBlockStore ?? iscsi ?? rbd) !== undefined;

function usesOf({ gcePersistentDisk, awsElasticBlockStore, iscsi, rbd }: Volume): DiskUse[] {
  const use = (disk: string, isReadOnly: boolean | undefined): DiskUse => ({
    disk,
    isReadOnly: isReadOnly === true,
  });
  if (gcePersistentDisk !== undefined)
    return [use(`gcePersistentDisk ${gcePersistentDisk.pdName}`, gcePersistentDisk.readOnly)];
  // One of these is never shared, not even to read it.
  if (awsElasticBlockStore !== undefined)
    return [use(`awsElasticBlockStore ${awsElasticBlockStore.volumeID}`, false)];
  if (iscsi !== undefined) return [use(`iscsi ${iscsi.iqn}`, iscsi.readOnly)];
  if (rbd === undefined) return [];
  const { monitors, pool = 'rbd', image, readOnly } = rbd;
  return monitors.map((monitor) => use(`rbd ${monitor} ${pool} ${image}`, readOnly));
}
