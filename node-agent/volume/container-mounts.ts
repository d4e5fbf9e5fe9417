import { constants } from 'node:fs';
import { mkdir, open, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, EphemeralContainer, Pod, Volume, VolumeMount } from '../../api/generated/core-v1.ts';
import { codeOf } from '../../base/invariant.ts';
import { expandVariables } from '../pod/expansion.ts';
import type { Mount } from '../runtime/runtime.ts';
import { safePath, VolumeError } from './volume-files.ts';

export interface MountsRequest {
  readonly pod: Pod;
  readonly container: Container | EphemeralContainer;
  readonly environment: ReadonlyMap<string, string>;
  /** Where a volume lies on the host. */
  readonly pathOf: (volume: Volume) => string;
}

/** Bind mounts for a container's `volumeMounts`, parents before what is mounted inside them. @throws VolumeError */
export async function mountsOf(request: MountsRequest): Promise<Mount[]> {
  const mounts: Mount[] = [];
  for (const mount of request.container.volumeMounts ?? []) mounts.push(await toMount(mount, request));
  return mounts.sort((left, right) => depthOf(left.containerPath) - depthOf(right.containerPath));
}

function depthOf(path: string): number {
  return path.split('/').length;
}

async function toMount(mount: VolumeMount, request: MountsRequest): Promise<Mount> {
  const volume = request.pod.spec.volumes?.find(({ name }) => name === mount.name);
  if (volume === undefined) throw new VolumeError(`volume "${mount.name}" of a mount does not exist`);
  const root = request.pathOf(volume);
  const subPath = subPathOf(mount, request.environment);
  const { emptyDir, hostPath, persistentVolumeClaim, ephemeral } = volume;
  const isContent = [emptyDir, hostPath, persistentVolumeClaim, ephemeral].every(
    (each) => each === undefined,
  );
  return {
    hostPath: subPath === '' ? root : await resolveSubPath(root, subPath),
    containerPath: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
    readOnly: mount.readOnly === true || isContent || persistentVolumeClaim?.readOnly === true,
    propagation: propagationOf(mount),
  };
}

function propagationOf({ mountPropagation }: VolumeMount): Mount['propagation'] {
  if (mountPropagation === 'Bidirectional') return 'rshared';
  return mountPropagation === 'HostToContainer' ? 'rslave' : 'private';
}

function subPathOf({ subPath, subPathExpr }: VolumeMount, environment: ReadonlyMap<string, string>): string {
  const path =
    subPathExpr === undefined || subPathExpr === ''
      ? (subPath ?? '')
      : expandVariables(subPathExpr, (name) => requiredVariable(name, environment));
  if (path === '') return '';
  if (path.startsWith('/')) throw new VolumeError(`error SubPath \`${path}\` must not be an absolute path`);
  if (path.split('/').includes('..'))
    throw new VolumeError(`unable to provision SubPath \`${path}\`: must not contain '..'`);
  return safePath(path);
}

/** A path with a name that stands for nothing would be a directory of that name. */
function requiredVariable(name: string, environment: ReadonlyMap<string, string>): string {
  const value = environment.get(name);
  if (value === undefined) throw new VolumeError(`missing value for "${name}"`);
  return value;
}

/** Links are followed, but never out of the volume. A directory that is missing is made. */
async function resolveSubPath(root: string, subPath: string): Promise<string> {
  const base = await realpath(root);
  const wanted = join(base, subPath);
  const found = await realpathIfThere(wanted);
  if (found === undefined) {
    await refuseEscape(base, subPath);
    await mkdir(wanted, { recursive: true, mode: 0o755 });
    return wanted;
  }
  if (found !== base && !found.startsWith(`${base}/`))
    throw new VolumeError(`subPath "${subPath}" leads out of the volume`);
  return found;
}

/** The deepest part that exists must lie inside. */
async function refuseEscape(base: string, subPath: string): Promise<void> {
  const parts = subPath.split('/');
  for (let depth = parts.length - 1; depth > 0; depth -= 1) {
    const found = await realpathIfThere(join(base, ...parts.slice(0, depth)));
    if (found === undefined) continue;
    if (found !== base && !found.startsWith(`${base}/`))
      throw new VolumeError(`subPath "${subPath}" leads out of the volume`);
    return;
  }
}

/**
 * Text of a file of a volume; undefined where there is none, it is no plain file, leads out of the volume, or is too large.
 * A pod may change links while they are followed: what was opened must lie inside.
 */
export async function readVolumeFile(
  root: string,
  path: string,
  maxBytes: number,
): Promise<string | undefined> {
  const base = await realpathIfThere(root);
  const found = await realpathIfThere(join(root, path));
  if (base === undefined || found === undefined) return undefined;
  await using file = await open(found, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const opened = await readlink(`/proc/self/fd/${file.fd}`);
  if (!opened.startsWith(`${base}/`) || !(await file.stat()).isFile()) return undefined;
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(maxBytes + 1), position: 0 });
  return bytesRead > maxBytes ? undefined : buffer.subarray(0, bytesRead).toString();
}

async function realpathIfThere(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    // Absence is one of the answers.
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
