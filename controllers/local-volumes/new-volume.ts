/** A directory on a node, as a volume for a claim. Pure. */
import { join } from 'node:path';
import type { Node, PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core-v1.ts';
import type { StorageClass } from '../../api/generated/storage-v1.ts';
import type { NewObject } from '../../api/kind-info.ts';
import {
  localNodeLabel,
  localProvisioner,
  localVolumeFinalizer,
  localVolumesAnnotation,
  provisionedByAnnotation,
  toClaimReference,
} from '../../api/volume-claim.ts';

const hostnameLabel = 'kubernetes.io/hostname';
const possibleModes: ReadonlySet<string> = new Set(['ReadWriteOnce', 'ReadWriteOncePod']);

/** Why no volume can be made for the claim, whatever the node; undefined: one can. */
export function refusalOf({ spec }: PersistentVolumeClaim): string | undefined {
  if (spec?.volumeMode === 'Block') return 'a local volume is a directory: volumeMode Block is not possible';
  if (spec?.selector !== undefined)
    return 'claim.spec.selector is not possible where volumes are made on demand';
  const mode = (spec?.accessModes ?? []).find((each) => !possibleModes.has(each));
  return mode === undefined
    ? undefined
    : `a local volume is on one node: access mode ${mode} is not possible, only ReadWriteOnce and ReadWriteOncePod`;
}

/** Undefined when the node's agent makes no local volumes. */
export function newVolume(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  node: Node,
): NewObject<PersistentVolume> | undefined {
  const root = node.metadata.annotations?.[localVolumesAnnotation];
  if (root === undefined) return undefined;
  const name = `pvc-${claim.metadata.uid}`;
  const hostname = node.metadata.labels?.[hostnameLabel] ?? node.metadata.name;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name,
      labels: { [localNodeLabel]: node.metadata.name },
      annotations: { [provisionedByAnnotation]: localProvisioner },
      finalizers: [localVolumeFinalizer],
    },
    spec: {
      accessModes: claim.spec?.accessModes,
      capacity: { storage: claim.spec?.resources?.requests?.['storage'] ?? '0' },
      claimRef: toClaimReference(claim),
      local: { path: join(root, name) },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: hostnameLabel, operator: 'In', values: [hostname] }] },
          ],
        },
      },
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy,
      storageClassName: storageClass.metadata.name,
      volumeMode: 'Filesystem',
    },
  };
}

/** What claims get that name no class. */
export const localPathClass: NewObject<StorageClass> = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: {
    name: 'local-path',
    annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
  },
  provisioner: localProvisioner,
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
};
