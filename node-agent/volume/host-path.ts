import type { Stats } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import type { HostPathVolumeSource } from '../../api/generated/core-v1.ts';
import { codeOf } from '../../base/invariant.ts';
import { VolumeError } from './volume-files.ts';

const expectations: Readonly<
  Record<string, { readonly is: (stats: Stats) => boolean; readonly what: string }>
> = {
  Directory: { is: (stats) => stats.isDirectory(), what: 'a directory' },
  DirectoryOrCreate: { is: (stats) => stats.isDirectory(), what: 'a directory' },
  File: { is: (stats) => stats.isFile(), what: 'a file' },
  FileOrCreate: { is: (stats) => stats.isFile(), what: 'a file' },
  Socket: { is: (stats) => stats.isSocket(), what: 'a socket file' },
  CharDevice: { is: (stats) => stats.isCharacterDevice(), what: 'a character device' },
  BlockDevice: { is: (stats) => stats.isBlockDevice(), what: 'a block device' },
};

/** Makes what may be made, and refuses what is not of the type that was asked for. @throws VolumeError */
export async function checkHostPath({ path, type = '' }: HostPathVolumeSource): Promise<void> {
  if (type === '')
    return void ((await statIfThere(path)) ?? (await mkdir(path, { recursive: true, mode: 0o755 })));
  const expected = expectations[type];
  if (expected === undefined) throw new VolumeError(`hostPath type ${type} is not supported`);
  let found = await statIfThere(path);
  if (found === undefined && type === 'DirectoryOrCreate')
    await mkdir(path, { recursive: true, mode: 0o755 });
  if (found === undefined && type === 'FileOrCreate') await writeFile(path, '', { mode: 0o644, flag: 'a' });
  found ??= await statIfThere(path);
  if (found === undefined || !expected.is(found))
    throw new VolumeError(`hostPath type check failed: ${path} is not ${expected.what}`);
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    // Absence is one of the answers.
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
