/**
 * Writes a set of files so that a reader sees all of the old ones or all of the new ones: the files lie in a directory
 * of their own, `..data` is a link to it that is replaced by one rename, and each visible name is a link through
 * `..data`. The layout is Kubernetes', and programs that watch `..data` rely on it.
 *
 * INVARIANTS: `..data` always points to a complete directory; names that are not ours are never touched.
 */
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '../../base/invariant.ts';
import type { VolumeFile, VolumeFiles } from './volume-files.ts';

const dataLink = '..data';
const nextDataLink = '..data_tmp';

export interface AtomicWrite {
  readonly directory: string;
  readonly files: VolumeFiles;
  /** Group of all files. */
  readonly fsGroup: number | undefined;
}

/** @returns whether anything had to change. */
export async function writeAtomically({ directory, files, fsGroup }: AtomicWrite): Promise<boolean> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const previous = await currentData(directory);
  if (previous !== undefined && (await holds(join(directory, previous), files))) return false;
  const fresh = await writeFresh(directory, files, fsGroup);
  await rm(join(directory, nextDataLink), { force: true });
  await symlink(fresh, join(directory, nextDataLink));
  await rename(join(directory, nextDataLink), join(directory, dataLink));
  await linkNames(directory, files);
  if (previous !== undefined) await rm(join(directory, previous), { recursive: true, force: true });
  return true;
}

async function currentData(directory: string): Promise<string | undefined> {
  try {
    return await readlink(join(directory, dataLink));
  } catch (error) {
    // Not written yet.
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function holds(data: string, files: VolumeFiles): Promise<boolean> {
  const present = await listFiles(data, '');
  if (present.length !== files.size) return false;
  for (const path of present) {
    const wanted = files.get(path);
    if (wanted === undefined || !(await isSame(join(data, path), wanted))) return false;
  }
  return true;
}

async function isSame(path: string, wanted: VolumeFile): Promise<boolean> {
  const { mode } = await lstat(path);
  // Group bits may have been added for fsGroup.
  if ((mode & 0o707) !== (wanted.mode & 0o707)) return false;
  return (await readFile(path)).equals(wanted.data);
}

async function listFiles(root: string, below: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(root, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await listFiles(root, path)));
    else found.push(path);
  }
  return found;
}

async function writeFresh(
  directory: string,
  files: VolumeFiles,
  fsGroup: number | undefined,
): Promise<string> {
  const root = await mkdtemp(join(directory, '..data-'));
  await own(root, { mode: 0o755, fsGroup, isDirectory: true });
  for (const [path, { data, mode, owner }] of files) {
    const target = join(root, path);
    await makeParents(root, path, fsGroup);
    await writeFile(target, data, { mode });
    await own(target, { mode, fsGroup, owner, isDirectory: false });
  }
  return root.slice(directory.length + 1);
}

async function makeParents(root: string, path: string, fsGroup: number | undefined): Promise<void> {
  const parts = dirname(path)
    .split('/')
    .filter((part) => part !== '.');
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const parent = join(root, ...parts.slice(0, depth));
    await mkdir(parent, { recursive: true });
    await own(parent, { mode: 0o755, fsGroup, isDirectory: true });
  }
}

interface Ownership {
  readonly mode: number;
  readonly fsGroup: number | undefined;
  readonly owner?: number | undefined;
  readonly isDirectory: boolean;
}

/** umask does not apply; a group of the pod may read all, and new files inherit it. */
async function own(path: string, { mode, fsGroup, owner = 0, isDirectory }: Ownership): Promise<void> {
  if (fsGroup !== undefined || owner !== 0) await chown(path, owner, fsGroup ?? 0);
  const groupBits = isDirectory ? 0o2550 : 0o440;
  await chmod(path, fsGroup === undefined ? mode : mode | groupBits);
}

async function linkNames(directory: string, files: VolumeFiles): Promise<void> {
  const wanted = new Set([...files.keys()].map((path) => path.split('/')[0] ?? path));
  const present = new Set((await readdir(directory)).filter((name) => !name.startsWith('..')));
  for (const name of wanted)
    if (!present.has(name)) await symlink(`${dataLink}/${name}`, join(directory, name));
  for (const name of present) if (!wanted.has(name)) await rm(join(directory, name), { force: true });
}
