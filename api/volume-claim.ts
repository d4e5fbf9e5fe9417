/** What claims and volumes say of each other: which fit, and which are bound. Pure. */
import type { ObjectReference, PersistentVolume, PersistentVolumeClaim } from './generated/core-v1.ts';
import { toUnits } from './quantity.ts';
import { fromLabelSelector, matchesSelector } from './selector.ts';

export const selectedNodeAnnotation = 'volume.kubernetes.io/selected-node';
export const boundByControllerAnnotation = 'pv.kubernetes.io/bound-by-controller';
export const bindCompletedAnnotation = 'pv.kubernetes.io/bind-completed';
export const provisionedByAnnotation = 'pv.kubernetes.io/provisioned-by';
export const oldClassAnnotation = 'volume.beta.kubernetes.io/storage-class';

/** The provisioner of directories on the nodes. */
export const localProvisioner = 'coracle.dev/local-path';
/** On a Node: the directory below which its agent makes local volumes. */
export const localVolumesAnnotation = 'coracle.dev/local-volumes';
/** On a local volume: the node that has its directory; its agent watches by it. */
export const localNodeLabel = 'coracle.dev/node';
/** Holds a local volume until its directory is gone. */
export const localVolumeFinalizer = 'coracle.dev/local-volume';

type Classed = PersistentVolume | PersistentVolumeClaim;

export const storageClassOf = ({ metadata, spec }: Classed): string =>
  metadata.annotations?.[oldClassAnnotation] ?? spec?.storageClassName ?? '';

/** The claim, and no other of its name. A volume that was reserved by hand names no uid. */
export function isReservedFor({ spec }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  const reference = spec?.claimRef;
  return (
    reference !== undefined &&
    reference.namespace === metadata.namespace &&
    reference.name === metadata.name &&
    ((reference.uid ?? '') === '' || reference.uid === metadata.uid)
  );
}

/** What a volume that is taken says of its claim. */
export function toClaimReference({ metadata }: PersistentVolumeClaim): ObjectReference {
  const { namespace, name, uid, resourceVersion } = metadata;
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion };
}

/** Whether the claim could have the volume, wherever that is: class, size, modes and labels. */
export function isSuitable(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const { spec: offered, metadata, status } = volume;
  const asked = claim.spec;
  if (metadata.deletionTimestamp !== undefined || storageClassOf(volume) !== storageClassOf(claim))
    return false;
  if ((offered?.volumeMode ?? 'Filesystem') !== (asked?.volumeMode ?? 'Filesystem')) return false;
  if (sizeOf(volume) < requestedSize(claim)) return false;
  if (!(asked?.accessModes ?? []).every((mode) => offered?.accessModes?.includes(mode))) return false;
  if ((offered?.volumeAttributesClassName ?? '') !== (asked?.volumeAttributesClassName ?? '')) return false;
  if (isReservedFor(volume, claim)) return true;
  if (offered?.claimRef !== undefined || status?.phase !== 'Available') return false;
  const selector = asked?.selector;
  return selector === undefined || matchesSelector(fromLabelSelector(selector) ?? [], metadata.labels);
}

/** The one that wastes least; one that is reserved for the claim before all others. */
export function bestVolume(
  volumes: readonly PersistentVolume[],
  claim: PersistentVolumeClaim,
): PersistentVolume | undefined {
  const reserved = volumes.find((volume) => isReservedFor(volume, claim));
  return reserved ?? [...volumes].sort(bySize)[0];
}

const bySize = (left: PersistentVolume, right: PersistentVolume): number =>
  sizeOf(left) - sizeOf(right) || (left.metadata.name < right.metadata.name ? -1 : 1);

const sizeOf = ({ spec }: PersistentVolume): number => toUnits(spec?.capacity?.['storage'] ?? '0');

export const requestedSize = ({ spec }: PersistentVolumeClaim): number =>
  toUnits(spec?.resources?.requests?.['storage'] ?? '0');

export const isBound = ({ metadata, spec }: PersistentVolumeClaim): boolean =>
  (spec?.volumeName ?? '') !== '' && metadata.annotations?.[bindCompletedAnnotation] !== undefined;
