import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { EmptyDirVolumeSource } from '../../api/generated/core-v1.ts';
import { toUnits } from '../../api/quantity.ts';
import { namesIn } from './directory-names.ts';

const execFileAsync = promisify(execFile);

export interface EmptyDir {
  readonly path: string;
  readonly source: EmptyDirVolumeSource;
  readonly fsGroup: number | undefined;
}

/** A directory that anyone in the pod may write; on a tmpfs of its own for `medium: Memory`. */
export async function ensureEmptyDir({ path, source, fsGroup }: EmptyDir): Promise<void> {
  const isNew = (await mkdir(path, { recursive: true })) !== undefined;
  if (source.medium === 'Memory' && !(await mountPoints()).has(path))
    await mountTmpfs(path, source.sizeLimit);
  else if (!isNew) return;
  if (fsGroup !== undefined) await chown(path, 0, fsGroup);
  await chmod(path, fsGroup === undefined ? 0o777 : 0o2777);
}

async function mountTmpfs(path: string, sizeLimit: string | undefined): Promise<void> {
  const size = sizeLimit === undefined ? '' : `,size=${toUnits(sizeLimit)}`;
  await execFileAsync('mount', ['-t', 'tmpfs', '-o', `mode=0777${size}`, 'tmpfs', path]);
}

/** Unmounts and removes what lies in a pod's directory of volumes: emptyDirs, ConfigMaps, images. */
export async function removeVolumes(podDirectory: string): Promise<void> {
  const volumes = join(podDirectory, 'volumes');
  const mounted = [...(await mountPoints())].filter((path) => path.startsWith(`${volumes}/`));
  for (const path of mounted) await execFileAsync('umount', ['--lazy', path]);
  for (const name of await namesIn(volumes)) await rm(join(volumes, name), { recursive: true, force: true });
}

/** @see proc_pid_mountinfo(5): the fifth field, with octal escapes. */
async function mountPoints(): Promise<ReadonlySet<string>> {
  const text = await readFile('/proc/self/mountinfo', 'utf8');
  const plain = (path: string): string =>
    path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
  return new Set(text.split('\n').flatMap((line) => (line === '' ? [] : [plain(line.split(' ')[4] ?? '')])));
}
