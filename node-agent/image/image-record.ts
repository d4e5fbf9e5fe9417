import type { RunnableImage } from '../runtime/runnable-image.ts';
import type { ImageInfo } from '../runtime/runtime.ts';
import type { LayoutImage } from './oci-layout.ts';
import { formatReference, type ImageReference, nameOf } from './reference.ts';

/** What is kept of an image on the node. */
export interface ImageRecord {
  /** Digest of the image's config: the same content under other names is the same image. */
  readonly id: string;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  /** Compressed, as the registry has it. */
  readonly sizeBytes: number;
  readonly diffIds: readonly string[];
  readonly config: RunnableImage['config'];
  /** Last pull or start of a container, for garbage collection. */
  readonly usedAtMs: number;
}

export function parseImageRecord(value: unknown): ImageRecord | undefined {
  const record = value as ImageRecord | null;
  return typeof record?.id === 'string' && Array.isArray(record.diffIds) ? record : undefined;
}

export function toImageRecord(image: LayoutImage, usedAtMs: number): ImageRecord {
  const { config = {}, rootfs } = image.config;
  return {
    id: image.configDigest,
    repoTags: [],
    repoDigests: [],
    sizeBytes: image.manifest.layers.reduce((sum, layer) => sum + layer.size, image.manifest.config.size),
    diffIds: rootfs.diff_ids,
    config: {
      user: config.User ?? '',
      env: config.Env ?? [],
      entrypoint: config.Entrypoint ?? [],
      cmd: config.Cmd ?? [],
      workingDir: config.WorkingDir ?? '',
      stopSignal: config.StopSignal || undefined,
    },
    usedAtMs,
  };
}

/** The record with one more name. */
export function withName(
  record: ImageRecord,
  reference: ImageReference,
  manifestDigest: string,
): ImageRecord {
  const digestName = `${nameOf(reference)}@${manifestDigest}`;
  const tagName = formatReference({ ...reference, digest: undefined });
  return {
    ...record,
    repoTags: reference.tag === undefined ? record.repoTags : withOnce(record.repoTags, tagName),
    repoDigests: withOnce(record.repoDigests, digestName),
  };
}

export function toImageInfo(record: ImageRecord): ImageInfo {
  return {
    id: record.id,
    repoTags: record.repoTags,
    repoDigests: record.repoDigests,
    sizeBytes: record.sizeBytes,
    user: record.config.user,
  };
}

/** Whether `reference` (a name, or an image id) means this image. */
export function isNamed(record: ImageRecord, reference: ImageReference): boolean {
  if (reference.digest !== undefined) {
    return record.repoDigests.includes(`${nameOf(reference)}@${reference.digest}`);
  }
  return record.repoTags.includes(formatReference(reference));
}

function withOnce(list: readonly string[], entry: string): readonly string[] {
  return list.includes(entry) ? list : [...list, entry];
}
