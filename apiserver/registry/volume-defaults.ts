import type { PersistentVolumeClaimSpec, Volume } from '../../api/generated/core-v1.ts';

const defaultFileMode = 0o644;
const tokenExpirationSeconds = 3600;

interface FieldRefs {
  readonly items?:
    | readonly {
        readonly fieldRef?: { apiVersion?: string | undefined } | undefined;
        readonly resourceFieldRef?: { divisor?: string | undefined } | undefined;
      }[]
    | undefined;
}

/** Mutates. */
export function setVolumeDefaults(volume: Volume): void {
  const sources = Object.keys(volume).filter((key) => key !== 'name');
  if (sources.length === 0) volume.emptyDir = {};
  for (const source of [volume.secret, volume.configMap, volume.downwardAPI, volume.projected])
    if (source !== undefined) source.defaultMode ??= defaultFileMode;
  setItemDefaults(volume.downwardAPI);
  for (const source of volume.projected?.sources ?? []) {
    setItemDefaults(source.downwardAPI);
    if (source.serviceAccountToken !== undefined)
      source.serviceAccountToken.expirationSeconds ??= tokenExpirationSeconds;
  }
  if (volume.hostPath !== undefined) volume.hostPath.type ??= '';
  if (volume.image !== undefined) volume.image.pullPolicy ??= imagePullPolicy(volume.image.reference ?? '');
  if (volume.ephemeral?.volumeClaimTemplate !== undefined)
    setClaimSpecDefaults(volume.ephemeral.volumeClaimTemplate.spec);
  setBlockDeviceDefaults(volume);
}

const imagePullPolicy = (image: string): string =>
  /:latest$|^[^:@]+$/.test(image) ? 'Always' : 'IfNotPresent';

function setItemDefaults(source: FieldRefs | undefined): void {
  for (const item of source?.items ?? []) {
    if (item.fieldRef !== undefined) item.fieldRef.apiVersion ??= 'v1';
    if (item.resourceFieldRef !== undefined) item.resourceFieldRef.divisor ??= '0';
  }
}

export function setClaimSpecDefaults(spec: PersistentVolumeClaimSpec): void {
  spec.volumeMode ??= 'Filesystem';
}

/** Sources that persistent volumes have as well. */
export function setBlockDeviceDefaults(
  volume: Pick<Volume, 'iscsi' | 'rbd' | 'azureDisk' | 'scaleIO'>,
): void {
  if (volume.iscsi !== undefined) volume.iscsi.iscsiInterface ??= 'default';
  if (volume.rbd !== undefined) {
    volume.rbd.pool ??= 'rbd';
    volume.rbd.user ??= 'admin';
    volume.rbd.keyring ??= '/etc/ceph/keyring';
  }
  if (volume.azureDisk !== undefined) {
    volume.azureDisk.cachingMode ??= 'ReadWrite';
    volume.azureDisk.kind ??= 'Shared';
    volume.azureDisk.fsType ??= 'ext4';
    volume.azureDisk.readOnly ??= false;
  }
  if (volume.scaleIO !== undefined) {
    volume.scaleIO.storageMode ??= 'ThinProvisioned';
    volume.scaleIO.fsType ??= 'xfs';
  }
}
