/** Claims, volumes and storage classes, as far as they decide where a pod can go. */
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../api/generated/core-v1.ts';
import type { StorageClass } from '../api/generated/storage-v1.ts';
import { noVolumeNeeds, type VolumeNeeds } from './framework/volume-needs.ts';

const zoneLabels = [
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
];

export interface VolumeLookup {
  readonly claim: (namespace: string, name: string) => PersistentVolumeClaim | undefined;
  readonly volume: (name: string) => PersistentVolume | undefined;
  readonly storageClass: (name: string) => StorageClass | undefined;
}

/** What the pod's claims ask of its node. Pure. */
export function volumeNeedsOf(pod: Pod, lookup: VolumeLookup): VolumeNeeds {
  const names = claimNamesOf(pod);
  if (names.length === 0) return noVolumeNeeds;
  const needs = names.map((name) => needsOfClaim(pod.metadata.namespace ?? 'default', name, lookup));
  const problem = needs.find((each) => each.problem !== undefined)?.problem;
  return {
    ...(problem === undefined ? {} : { problem }),
    nodeAffinities: needs.flatMap((each) => each.nodeAffinities),
    zones: needs.flatMap((each) => each.zones),
    ...(needs.some((each) => each.lacksVolume === true) ? { lacksVolume: true } : {}),
  };
}

/** Claims that a pod names, or that are made for it. */
export const claimNamesOf = ({ metadata, spec }: Pod): readonly string[] =>
  (spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim !== undefined) return [persistentVolumeClaim.claimName];
    return ephemeral === undefined ? [] : [`${metadata.name}-${name}`];
  });

function needsOfClaim(namespace: string, name: string, lookup: VolumeLookup): VolumeNeeds {
  const claim = lookup.claim(namespace, name);
  if (claim === undefined) return because(`persistentvolumeclaim "${name}" not found`);
  if (claim.metadata.deletionTimestamp !== undefined)
    return because(`persistentvolumeclaim "${name}" is being deleted`);
  const { volumeName = '', storageClassName = '' } = claim.spec ?? {};
  const isBound = volumeName !== '' && claim.status?.phase === 'Bound';
  if (isBound) return needsOfVolume(volumeName, lookup);
  const waits = lookup.storageClass(storageClassName)?.volumeBindingMode === 'WaitForFirstConsumer';
  // Nothing here makes volumes: a claim that waits for its consumer has to find one.
  if (waits) return { ...noVolumeNeeds, lacksVolume: true };
  return because('pod has unbound immediate PersistentVolumeClaims');
}

const because = (problem: string): VolumeNeeds => ({ ...noVolumeNeeds, problem });

function needsOfVolume(name: string, lookup: VolumeLookup): VolumeNeeds {
  const volume = lookup.volume(name);
  if (volume === undefined) return because(`persistentvolume "${name}" not found`);
  const terms = volume.spec?.nodeAffinity?.required?.nodeSelectorTerms;
  const labels = volume.metadata.labels ?? {};
  const zones = Object.fromEntries(
    zoneLabels.flatMap((key) => (labels[key] === undefined ? [] : [[key, labels[key]]])),
  );
  return {
    nodeAffinities: terms === undefined ? [] : [terms],
    zones: Object.keys(zones).length === 0 ? [] : [zones],
  };
}
