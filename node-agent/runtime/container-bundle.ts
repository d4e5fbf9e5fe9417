import { constants, lstatSync } from 'node:fs';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { codeOf } from '../../base/invariant.ts';
import type { AccountFiles } from './image-user.ts';
import type { OciSpec } from './oci-types.ts';
import { mountOverlay, unmountAll } from './overlay.ts';

/** Directories of one container. */
export interface BundlePaths {
  /** `config.json` and conmon's files, on the tmpfs. */
  readonly bundleDir: string;
  /** Writable layer and mount point, on disk. */
  readonly containerDir: string;
  readonly rootfs: string;
}

export async function mountRootfs(paths: BundlePaths, layerDirs: readonly string[]): Promise<void> {
  const upperDir = `${paths.containerDir}/upper`;
  const workDir = `${paths.containerDir}/work`;
  await mkdir(paths.containerDir, { recursive: true, mode: 0o711 });
  await Promise.all(
    [upperDir, workDir, paths.rootfs].map((directory) => mkdir(directory, { recursive: true })),
  );
  await mkdir(paths.bundleDir, { recursive: true });
  await mountOverlay({ layerDirs, upperDir, workDir, target: paths.rootfs });
}

export async function writeSpec(paths: BundlePaths, spec: OciSpec): Promise<void> {
  await writeFile(`${paths.bundleDir}/config.json`, JSON.stringify(spec));
}

export async function removeBundle(paths: BundlePaths): Promise<void> {
  await unmountAll([paths.rootfs]);
  await Promise.all(
    [paths.bundleDir, paths.containerDir].map((path) => rm(path, { recursive: true, force: true })),
  );
}

/** The image's accounts. A symbolic link on the way is not followed: it would lead into the host. */
export async function readAccountFiles(rootfs: string): Promise<AccountFiles> {
  const [passwd, group] = await Promise.all([
    readPlainFile(rootfs, 'passwd'),
    readPlainFile(rootfs, 'group'),
  ]);
  return { passwd, group };
}

async function readPlainFile(rootfs: string, name: string): Promise<string> {
  try {
    if (!lstatSync(`${rootfs}/etc`).isDirectory()) return '';
    const file = await open(`${rootfs}/etc/${name}`, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ELOOP') return '';
    throw error;
  }
}

export async function readSpec(bundleDir: string): Promise<OciSpec> {
  return JSON.parse(await readFile(`${bundleDir}/config.json`, 'utf8')) as OciSpec;
}
