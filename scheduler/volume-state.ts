/** Claims, volumes and storage classes, as far as they decide where a pod can go. */
import type {
  NodeSelectorTerm,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from '../api/generated/core-v1.ts';
import type { StorageClass } from '../api/generated/storage-v1.ts';
import {
  bestVolume,
  isBound,
  isSuitable,
  requestedSize,
  selectedNodeAnnotation,
  storageClassOf,
} from '../api/volume-claim.ts';
import { disksOf } from './framework/disk-use.ts';
import {
  type DriverVolume,
  noVolumeNeeds,
  type UnboundClaim,
  type VolumeNeeds,
} from './framework/volume-needs.ts';

const zoneLabels = [
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
];
const noProvisioner = 'kubernetes.io/no-provisioner';
/** Volumes that are looked at for one claim, the smallest first. */
const maxVolumes = 1_000;

export interface VolumeLookup {
  readonly claim: (namespace: string, name: string) => PersistentVolumeClaim | undefined;
  readonly volume: (name: string) => PersistentVolume | undefined;
  readonly storageClass: (name: string) => StorageClass | undefined;
  /** All volumes that nobody has chosen for another claim. Left out: none are known. */
  readonly volumes?: ((claim: PersistentVolumeClaim) => readonly PersistentVolume[]) | undefined;
}

/** What a waiting pod's claims ask of its node. Pure. */
export function volumeNeedsOf(pod: Pod, lookup: VolumeLookup): VolumeNeeds {
  const names = claimNamesOf(pod);
  if (names.length === 0) return withDisks(pod, noVolumeNeeds);
  const problem = problemOf(pod, lookup);
  if (problem !== undefined) return { ...noVolumeNeeds, problem };
  const namespace = pod.metadata.namespace ?? 'default';
  const claims = names.flatMap((name) => lookup.claim(namespace, name) ?? []);
  const bound = claims.filter(isBound);
  const volumes = bound.flatMap(({ spec }) => lookup.volume(spec?.volumeName ?? '') ?? []);
  const unbound = unboundClaimsOf(claims).map((claim) => toUnbound(claim, lookup));
  const exclusive = claims.filter(isExclusive).map(({ metadata }) => `${namespace}/${metadata.name}`);
  return withDisks(pod, {
    nodeAffinities: volumes.flatMap(({ spec }) => {
      const terms = spec?.nodeAffinity?.required?.nodeSelectorTerms;
      return terms === undefined ? [] : [terms];
    }),
    zones: volumes.flatMap(zonesOf),
    ...(volumes.length === bound.length ? {} : { lacksVolume: true }),
    ...(unbound.length === 0 ? {} : { unbound }),
    ...usedClaims(pod, lookup),
    ...(exclusive.length === 0 ? {} : { exclusive }),
  });
}

/** Of a pod that has its node: which claims it uses. Pure. */
export const placedVolumeNeedsOf = (pod: Pod, lookup: VolumeLookup): VolumeNeeds =>
  withDisks(
    pod,
    claimNamesOf(pod).length === 0 ? noVolumeNeeds : { ...noVolumeNeeds, ...usedClaims(pod, lookup) },
  );

function withDisks(pod: Pod, needs: VolumeNeeds): VolumeNeeds {
  const disks = disksOf(pod.spec.volumes);
  return disks.length === 0 ? needs : { ...needs, disks };
}

function usedClaims(pod: Pod, lookup: VolumeLookup): Pick<VolumeNeeds, 'claims' | 'attached'> {
  const namespace = pod.metadata.namespace ?? 'default';
  const names = claimNamesOf(pod);
  const attached = names.flatMap((name): DriverVolume[] => {
    const driver = driverOf(lookup.claim(namespace, name), lookup);
    return driver === undefined ? [] : [{ driver, claim: `${namespace}/${name}` }];
  });
  return {
    claims: names.map((name) => `${namespace}/${name}`),
    ...(attached.length === 0 ? {} : { attached }),
  };
}

/** Who attaches the claim's volume, or will: its class' provisioner goes by the driver's name. */
function driverOf(claim: PersistentVolumeClaim | undefined, lookup: VolumeLookup): string | undefined {
  if (claim === undefined) return undefined;
  const volume = lookup.volume(claim.spec?.volumeName ?? '');
  if (volume !== undefined) return volume.spec?.csi?.driver;
  return lookup.storageClass(storageClassOf(claim))?.provisioner;
}

/** Claims that a pod names, or that are made for it. */
export const claimNamesOf = ({ metadata, spec }: Pod): readonly string[] =>
  (spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim !== undefined) return [persistentVolumeClaim.claimName];
    return ephemeral === undefined ? [] : [`${metadata.name}-${name}`];
  });

/** Those that a pod's node decides about; the smallest first, as they choose. */
export const unboundClaimsOf = (claims: readonly PersistentVolumeClaim[]): readonly PersistentVolumeClaim[] =>
  claims.filter((claim) => !isBound(claim)).sort((a, b) => requestedSize(a) - requestedSize(b));

function problemOf(pod: Pod, lookup: VolumeLookup): string | undefined {
  const { namespace = 'default' } = pod.metadata;
  let isImmediate = false;
  for (const { name: volume, persistentVolumeClaim, ephemeral } of pod.spec.volumes ?? []) {
    if (persistentVolumeClaim === undefined && ephemeral === undefined) continue;
    const name = persistentVolumeClaim?.claimName ?? `${pod.metadata.name}-${volume}`;
    const claim = lookup.claim(namespace, name);
    if (claim === undefined)
      return ephemeral === undefined
        ? `persistentvolumeclaim "${name}" not found`
        : `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`;
    const { volumeName = '' } = claim.spec ?? {};
    if (claim.status?.phase === 'Lost')
      return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${volumeName}"`;
    if (claim.metadata.deletionTimestamp !== undefined)
      return `persistentvolumeclaim "${name}" is being deleted`;
    if (ephemeral !== undefined && !isOwnedBy(claim, pod))
      return `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`;
    if (!isBound(claim) && (volumeName !== '' || !waitsForConsumer(claim, lookup))) isImmediate = true;
  }
  return isImmediate ? 'pod has unbound immediate PersistentVolumeClaims' : undefined;
}

const isOwnedBy = ({ metadata }: PersistentVolumeClaim, pod: Pod): boolean =>
  (metadata.ownerReferences ?? []).some(
    ({ uid, controller }) => controller === true && uid === pod.metadata.uid,
  );

const waitsForConsumer = (claim: PersistentVolumeClaim, lookup: VolumeLookup): boolean =>
  lookup.storageClass(storageClassOf(claim))?.volumeBindingMode === 'WaitForFirstConsumer';

const isExclusive = ({ spec }: PersistentVolumeClaim): boolean =>
  spec?.accessModes?.includes('ReadWriteOncePod') === true;

function toUnbound(claim: PersistentVolumeClaim, lookup: VolumeLookup): UnboundClaim {
  const left = (lookup.volumes?.(claim) ?? []).filter((volume) => isSuitable(volume, claim));
  const volumes: PersistentVolume[] = [];
  for (let best = bestVolume(left, claim); best !== undefined && volumes.length < maxVolumes; ) {
    volumes.push(best);
    left.splice(left.indexOf(best), 1);
    best = bestVolume(left, claim);
  }
  const storageClass = lookup.storageClass(storageClassOf(claim));
  return {
    claim: `${claim.metadata.namespace}/${claim.metadata.name}`,
    volumes: volumes.map(({ metadata, spec }) => ({
      name: metadata.name,
      terms: spec?.nodeAffinity?.required?.nodeSelectorTerms ?? [],
    })),
    provisioned: storageClass?.provisioner === noProvisioner ? undefined : topologyOf(storageClass),
    selectedNode: claim.metadata.annotations?.[selectedNodeAnnotation],
  };
}

const topologyOf = (storageClass: StorageClass | undefined): readonly NodeSelectorTerm[] =>
  (storageClass?.allowedTopologies ?? []).map(({ matchLabelExpressions }) => ({
    matchExpressions: (matchLabelExpressions ?? []).map(({ key, values }) => ({
      key,
      operator: 'In',
      values,
    })),
  }));

function zonesOf({ metadata }: PersistentVolume): Readonly<Record<string, string>>[] {
  const labels = metadata.labels ?? {};
  const zones = Object.fromEntries(
    zoneLabels.flatMap((key) => (labels[key] === undefined ? [] : [[key, labels[key]]])),
  );
  return Object.keys(zones).length === 0 ? [] : [zones];
}
