/** Where a PersistentVolume lies on this node, made ready for a pod. */
import { chmod, chown, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { PersistentVolume } from '../../api/generated/core-v1.ts';
import { codeOf } from '../../base/invariant.ts';
import { checkHostPath } from './host-path.ts';
import type { LocalVolumes } from './local-volumes.ts';
import { VolumeError } from './volume-files.ts';

/** @returns its directory on the host. @throws VolumeError */
export async function ensureClaimedDirectory(
  volume: PersistentVolume,
  localVolumes: LocalVolumes,
  fsGroup: number | undefined,
): Promise<string> {
  const { local, hostPath, volumeMode } = volume.spec ?? {};
  if (volumeMode === 'Block') throw new VolumeError('volumeMode Block is not supported on this node');
  if (hostPath !== undefined) {
    await checkHostPath(hostPath);
    return hostPath.path;
  }
  if (local === undefined) {
    const type = Object.keys(volume.spec ?? {}).find((key) => sourceKeys.has(key)) ?? 'of this volume';
    throw new VolumeError(`volume type ${type} is not supported on this node`);
  }
  if (localVolumes.has(volume)) await localVolumes.ensure(volume);
  const found = await statIfThere(local.path);
  if (found === undefined) throw new VolumeError(`path "${local.path}" does not exist`);
  // As with `fsGroupChangePolicy: OnRootMismatch`: what has the group already is left alone.
  if (fsGroup !== undefined && found.gid !== fsGroup) await giveToGroup(local.path, fsGroup);
  return local.path;
}

const sourceKeys: ReadonlySet<string> = new Set(
  'awsElasticBlockStore azureDisk azureFile cephfs cinder csi fc flexVolume flocker gcePersistentDisk glusterfs iscsi nfs photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos vsphereVolume'.split(
    ' ',
  ),
);

async function statIfThere(path: string): Promise<{ readonly gid: number } | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    // Absence is one of the answers.
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The root last: who is interrupted begins anew. Links are not followed. */
async function giveToGroup(path: string, fsGroup: number): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) await giveToGroup(below, fsGroup);
    else if (entry.isFile()) await own(below, fsGroup, 0o660);
  }
  await own(path, fsGroup, 0o2770);
}

async function own(path: string, fsGroup: number, bits: number): Promise<void> {
  const { uid, mode } = await lstat(path);
  await chown(path, uid, fsGroup);
  await chmod(path, (mode & 0o7777) | bits);
}
