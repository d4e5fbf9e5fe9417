/**
 * Reading an OCI image layout directory: `index.json` and `blobs/sha256/<hex>`.
 * @see https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { arch } from 'node:os';
import { codeOf } from '../../base/invariant.ts';
import { ImageError } from './image-error.ts';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture: string; readonly os: string; readonly variant?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ImageManifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

interface ImageIndex {
  readonly manifests: readonly Descriptor[];
}

/** The part of an image config that we use. */
export interface ImageConfigFile {
  readonly config?: {
    readonly User?: string;
    readonly Env?: readonly string[] | null;
    readonly Entrypoint?: readonly string[] | null;
    readonly Cmd?: readonly string[] | null;
    readonly WorkingDir?: string;
    readonly StopSignal?: string;
  };
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

/** One image of a layout, for this machine's architecture. */
export interface LayoutImage {
  readonly layoutDir: string;
  readonly manifestDigest: string;
  readonly manifest: ImageManifest;
  readonly configDigest: string;
  readonly config: ImageConfigFile;
}

const refNameAnnotation = 'org.opencontainers.image.ref.name';
const indexTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
/** Largest index, manifest or config that is read into memory. */
const maxDocumentBytes = 4 * 1024 * 1024;

/** Undefined when there is no layout here, or no image of that tag or digest in it. */
export async function findInLayout(
  layoutDir: string,
  wanted: {
    readonly tag: string | undefined;
    readonly digest: string | undefined;
    readonly names: readonly string[];
  },
): Promise<LayoutImage | undefined> {
  const index = await readIndex(layoutDir);
  const descriptor = index?.manifests.find((candidate) => isWanted(candidate, wanted));
  return descriptor === undefined ? undefined : readImage(layoutDir, descriptor);
}

/** Every image of a layout that this machine can run. */
export async function imagesInLayout(layoutDir: string): Promise<LayoutImage[]> {
  const index = await readIndex(layoutDir);
  return Promise.all((index?.manifests ?? []).map((descriptor) => readImage(layoutDir, descriptor)));
}

export function blobPath(layoutDir: string, digest: string): string {
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw new ImageError('IMAGE_PULL', `digest ${digest}`);
  return `${layoutDir}/blobs/sha256/${digest.slice('sha256:'.length)}`;
}

function isWanted(
  descriptor: Descriptor,
  wanted: {
    readonly tag: string | undefined;
    readonly digest: string | undefined;
    readonly names: readonly string[];
  },
): boolean {
  if (wanted.digest !== undefined) return descriptor.digest === wanted.digest;
  const refName = descriptor.annotations?.[refNameAnnotation];
  return refName === wanted.tag || wanted.names.some((name) => refName === `${name}:${wanted.tag}`);
}

async function readIndex(layoutDir: string): Promise<ImageIndex | undefined> {
  try {
    return JSON.parse(await readFile(`${layoutDir}/index.json`, 'utf8')) as ImageIndex;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new ImageError('IMAGE_PULL', `read the index of ${layoutDir}`, { cause: error });
  }
}

async function readImage(layoutDir: string, descriptor: Descriptor): Promise<LayoutImage> {
  if (indexTypes.includes(descriptor.mediaType)) {
    const index = (await readDocument(layoutDir, descriptor)) as ImageIndex;
    return readImage(layoutDir, chooseByPlatform(index.manifests, arch()));
  }
  const manifest = (await readDocument(layoutDir, descriptor)) as ImageManifest;
  const config = (await readDocument(layoutDir, manifest.config)) as ImageConfigFile;
  if (config.rootfs?.diff_ids?.length !== manifest.layers.length) {
    throw new ImageError('IMAGE_PULL', `image ${descriptor.digest}: layers and diff ids do not match`);
  }
  return {
    layoutDir,
    manifestDigest: descriptor.digest,
    manifest,
    configDigest: manifest.config.digest,
    config,
  };
}

/** @throws ImageError when none is for this machine. */
export function chooseByPlatform(manifests: readonly Descriptor[], nodeArch: string): Descriptor {
  const architecture = nodeArch === 'x64' ? 'amd64' : nodeArch;
  const match = manifests.find(
    ({ platform }) => platform?.os === 'linux' && platform.architecture === architecture,
  );
  if (match === undefined) {
    throw new ImageError('IMAGE_NOT_FOUND', `no match for platform linux/${architecture} in manifest`);
  }
  return match;
}

async function readDocument(layoutDir: string, descriptor: Descriptor): Promise<unknown> {
  if (descriptor.size > maxDocumentBytes) {
    throw new ImageError('IMAGE_PULL', `document ${descriptor.digest} of ${descriptor.size} bytes`);
  }
  const bytes = await readFile(blobPath(layoutDir, descriptor.digest));
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  if (digest !== descriptor.digest) {
    throw new ImageError('IMAGE_PULL', `document ${descriptor.digest} has the digest ${digest}`);
  }
  return JSON.parse(bytes.toString('utf8'));
}
