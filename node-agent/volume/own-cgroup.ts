/** The cgroups in which the agent itself lives, on cgroup v1 and v2 alike. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '../../base/invariant.ts';

const mountPoint = '/sys/fs/cgroup';
/** cgroup v1 says "no limit" with the greatest page-aligned number. */
const noLimitBytes = 2 ** 60;

export interface Controller {
  /** Directory of the hierarchy. */
  readonly root: string;
  /** cgroup of this process in it. */
  readonly path: string;
  readonly isUnified: boolean;
}

/** @see cgroups(7): lines `id:controllers:path`, with no controllers for v2. */
export async function controllerOf(name: string): Promise<Controller | undefined> {
  const lines = ((await readIfThere('/proc/self/cgroup')) ?? '').split('\n').map((line) => line.split(':'));
  const legacy = lines.find(([, names]) => names?.split(',').includes(name) === true);
  if (legacy !== undefined) return { root: join(mountPoint, name), path: legacy[2] ?? '/', isUnified: false };
  const unified = lines.find(([id, names]) => id === '0' && names === '');
  return unified === undefined ? undefined : { root: mountPoint, path: unified[2] ?? '/', isUnified: true };
}

/** Values of a cgroup and all above it, each with its path; what has none is left out. */
export async function alongPath(
  controller: Controller | undefined,
  read: (directory: string) => Promise<number | undefined>,
): Promise<{ readonly path: string; readonly value: number }[]> {
  const values: { path: string; value: number }[] = [];
  for (let path = controller?.path; controller !== undefined && path !== undefined; path = parentOf(path)) {
    const value = await read(join(controller.root, path));
    if (value !== undefined) values.push({ path, value });
  }
  return values;
}

function parentOf(path: string): string | undefined {
  return path === '/' ? undefined : dirname(path);
}

export async function memoryLimit(directory: string, isUnified: boolean): Promise<number | undefined> {
  const text = await readIfThere(join(directory, isUnified ? 'memory.max' : 'memory.limit_in_bytes'));
  const limit = Number(text ?? 'none');
  return Number.isFinite(limit) && limit < noLimitBytes ? limit : undefined;
}

/** A limit of the root, or of a hierarchy that is not mounted here, does not exist. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
