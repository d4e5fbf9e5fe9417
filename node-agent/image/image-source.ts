import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { arch } from 'node:os';
import { secretHex } from '../../base/random.ts';
import { CommandError, mustRun } from '../runtime/command.ts';
import type { RegistryAuth } from '../runtime/runtime.ts';
import { ImageError } from './image-error.ts';
import { findInLayout, type LayoutImage } from './oci-layout.ts';
import { formatReference, type ImageReference, localNamesOf } from './reference.ts';

/** Where an image comes from when the node does not have it. */
export interface ImageSource {
  /** Puts the image into a layout on this machine. Undefined when this source does not have it. */
  fetch(reference: ImageReference, auth: RegistryAuth | undefined): Promise<FetchedImage | undefined>;
}

export interface FetchedImage {
  readonly image: LayoutImage;
  /** Removes what the source put down for this fetch. */
  readonly release: () => Promise<void>;
}

const fetchedTag = 'image';

/** Directories in which `NAME` is an OCI layout directory and `NAME.tar` an OCI or Docker archive. */
export function localSource(directories: readonly string[], scratchDir: string): ImageSource {
  return {
    async fetch(reference) {
      for (const directory of directories) {
        for (const name of localNamesOf(reference)) {
          const path = `${directory}/${name}`;
          const found =
            (await fromLayout(path, reference)) ?? (await fromArchive(`${path}.tar`, reference, scratchDir));
          if (found !== undefined) return found;
        }
      }
      return undefined;
    },
  };
}

async function fromLayout(path: string, reference: ImageReference): Promise<FetchedImage | undefined> {
  const image = await findInLayout(path, { ...reference, names: localNamesOf(reference) });
  return image === undefined ? undefined : { image, release: async () => undefined };
}

/** skopeo knows both kinds of archive; which one it is, its first attempt tells. */
async function fromArchive(
  path: string,
  reference: ImageReference,
  scratchDir: string,
): Promise<FetchedImage | undefined> {
  const info = await stat(path).catch(() => undefined);
  if (info?.isFile() !== true) return undefined;
  const tag = reference.tag ?? 'latest';
  const candidates = [
    `oci-archive:${path}:${tag}`,
    ...localNamesOf(reference).map((name) => `docker-archive:${path}:${name}:${tag}`),
  ];
  for (const source of candidates) {
    try {
      return await copyToScratch([source], scratchDir);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
    }
  }
  return undefined;
}

/** A registry, by the distribution protocol, through skopeo. */
export function registrySource(options: {
  readonly insecureRegistries: readonly string[];
  readonly scratchDir: string;
}): ImageSource {
  return {
    async fetch(reference, auth) {
      const authFile =
        auth === undefined ? undefined : await writeAuthFile(options.scratchDir, reference, auth);
      const args = [
        ...(authFile === undefined ? ['--src-no-creds'] : ['--src-authfile', authFile]),
        ...(options.insecureRegistries.includes(reference.registry) ? ['--src-tls-verify=false'] : []),
        `docker://${sourceName(reference)}`,
      ];
      try {
        return await copyToScratch(args, options.scratchDir);
      } catch (error) {
        throw error instanceof CommandError ? pullError(reference, error) : error;
      } finally {
        if (authFile !== undefined) await rm(authFile, { force: true });
      }
    },
  };
}

/** skopeo takes a tag or a digest, not both; the digest is the stricter. */
function sourceName(reference: ImageReference): string {
  return formatReference(reference.digest === undefined ? reference : { ...reference, tag: undefined });
}

async function copyToScratch(source: readonly string[], scratchDir: string): Promise<FetchedImage> {
  const layoutDir = `${scratchDir}/${secretHex(6)}`;
  const release = (): Promise<void> => rm(layoutDir, { recursive: true, force: true });
  await mkdir(scratchDir, { recursive: true });
  try {
    const platform = ['--override-os', 'linux', '--override-arch', arch() === 'x64' ? 'amd64' : arch()];
    const target = `oci:${layoutDir}:${fetchedTag}`;
    await mustRun('skopeo', ['--insecure-policy', ...platform, 'copy', '--quiet', ...source, target]);
    const image = await findInLayout(layoutDir, { tag: fetchedTag, digest: undefined, names: [] });
    if (image === undefined) throw new ImageError('IMAGE_PULL', `no image in ${layoutDir}`);
    return { image, release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Credentials go through a file that only root can read, never through arguments, which every process can. */
async function writeAuthFile(
  scratchDir: string,
  reference: ImageReference,
  auth: RegistryAuth,
): Promise<string> {
  const path = `${scratchDir}/auth-${secretHex(6)}.json`;
  const token = Buffer.from(`${auth.username}:${auth.password}`).toString('base64');
  await mkdir(scratchDir, { recursive: true });
  await writeFile(path, JSON.stringify({ auths: { [reference.registry]: { auth: token } } }), {
    mode: 0o600,
  });
  return path;
}

/** What skopeo's words mean. */
export function pullError(reference: ImageReference, error: CommandError): ImageError {
  const name = formatReference(reference);
  const words = error.stderr;
  if (/manifest unknown|name unknown|not found|does not exist/i.test(words)) {
    return new ImageError('IMAGE_NOT_FOUND', `failed to resolve reference "${name}": ${name}: not found`, {
      cause: error,
    });
  }
  if (/unauthorized|authentication required|denied|forbidden/i.test(words)) {
    return new ImageError('IMAGE_UNAUTHORIZED', `failed to authorize "${name}": ${lastLine(words)}`, {
      cause: error,
    });
  }
  return new ImageError('IMAGE_PULL', `failed to pull image "${name}": ${lastLine(words)}`, { cause: error });
}

function lastLine(text: string): string {
  const line = text.trim().split('\n').at(-1) ?? '';
  return /msg="((?:[^"\\]|\\.)*)"/.exec(line)?.[1]?.replaceAll('\\"', '"') ?? line;
}
