import { rm } from 'node:fs/promises';
import type { Container, EphemeralContainer, Pod, Volume } from '../../api/generated/core-v1.ts';
import { messageOf } from '../../base/invariant.ts';
import type { RunnableImages } from '../runtime/runnable-image.ts';
import type { Mount } from '../runtime/runtime.ts';
import { writeAtomically } from './atomic-writer.ts';
import { ensureClaimedDirectory } from './claimed-directory.ts';
import { mountsOf, readVolumeFile } from './container-mounts.ts';
import { ensureEmptyDir, removeVolumes } from './empty-dir.ts';
import { checkHostPath } from './host-path.ts';
import { ensureImageVolume } from './image-volume.ts';
import type { LocalVolumes } from './local-volumes.ts';
import type { PodObjects } from './object-references.ts';
import type { PodDirectories } from './pod-directories.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';
import {
  configMapFiles,
  defaultFileMode,
  downwardFiles,
  type FilesContext,
  projectedFiles,
  safePath,
  secretFiles,
  VolumeError,
  type VolumeFile,
  type VolumeFiles,
} from './volume-files.ts';

interface Content {
  readonly files: VolumeFiles;
  readonly refreshAtMs: number | undefined;
}

type MountContext = FilesContext & { readonly objects: PodObjects };

export interface PodVolumesOptions {
  readonly directories: PodDirectories;
  readonly tokens: ServiceAccountTokens;
  readonly localVolumes: LocalVolumes;
  readonly images: RunnableImages;
}

/** The volumes of the node's pods. */
export class PodVolumes {
  readonly #directories: PodDirectories;
  readonly #tokens: ServiceAccountTokens;
  readonly #localVolumes: LocalVolumes;
  readonly #images: RunnableImages;
  /** By path: images that are being mounted now. */
  readonly #imageMounts = new Map<string, Promise<void>>();
  /** Where the volumes of claims lie, by pod and name; known again as soon as they are mounted again. */
  readonly #claimed = new Map<string, Map<string, string>>();

  constructor({ directories, tokens, localVolumes, images }: PodVolumesOptions) {
    this.#directories = directories;
    this.#tokens = tokens;
    this.#localVolumes = localVolumes;
    this.#images = images;
  }

  /**
   * Sets up all of the pod's volumes, or brings their content up to date. Idempotent.
   * @throws VolumeError for the first that cannot be.
   */
  async mount(context: MountContext): Promise<{ readonly refreshAtMs: number | undefined }> {
    let refreshAtMs: number | undefined;
    for (const volume of context.pod.spec.volumes ?? []) {
      try {
        const due = await this.#mountOne(volume, context);
        if (due !== undefined) refreshAtMs = Math.min(refreshAtMs ?? due, due);
      } catch (error) {
        const name = context.objects.claimed.get(volume.name)?.metadata.name ?? volume.name;
        throw new VolumeError(`MountVolume.SetUp failed for volume "${name}" : ${messageOf(error)}`, {
          cause: error,
        });
      }
    }
    return { refreshAtMs };
  }

  /** Mounts an image that is on the node as one of the pod's volumes. Idempotent, also for several at a time. */
  async mountImage(pod: Pod, volume: Volume, imageId: string): Promise<void> {
    const path = this.#pathOf(pod, volume);
    const mounting =
      this.#imageMounts.get(path) ??
      this.#images
        .runnableImage(imageId)
        .then((image) => ensureImageVolume({ path, image }))
        .finally(() => this.#imageMounts.delete(path));
    this.#imageMounts.set(path, mounting);
    await mounting;
  }

  containerMounts(
    pod: Pod,
    container: Container | EphemeralContainer,
    environment: ReadonlyMap<string, string>,
  ): Promise<Mount[]> {
    return mountsOf({ pod, container, environment, pathOf: (volume) => this.#pathOf(pod, volume) });
  }

  /** Text of a file in one of the pod's volumes; undefined when there is none, or none that can be read. */
  async readFile(pod: Pod, volumeName: string, path: string, maxBytes: number): Promise<string | undefined> {
    const volume = pod.spec.volumes?.find(({ name }) => name === volumeName);
    return volume === undefined ? undefined : readVolumeFile(this.#pathOf(pod, volume), path, maxBytes);
  }

  async unmount(podUid: string): Promise<void> {
    await removeVolumes(this.#directories.podDirectory(podUid));
    await rm(this.#directories.memoryDirectory(podUid), { recursive: true, force: true });
    this.#tokens.forget(podUid);
    this.#claimed.delete(podUid);
  }

  #pathOf(pod: Pod, volume: Volume): string {
    if (volume.hostPath !== undefined) return volume.hostPath.path;
    const claimed = this.#claimed.get(pod.metadata.uid)?.get(volume.name);
    if (claimed !== undefined) return claimed;
    const isOnDisk = [volume.emptyDir, volume.configMap, volume.image].some((source) => source !== undefined);
    const medium = isOnDisk ? 'disk' : 'memory';
    return this.#directories.volumeDirectory(pod.metadata.uid, volume.name, medium);
  }

  /** @returns when the content must be renewed. */
  async #mountOne(volume: Volume, context: MountContext): Promise<number | undefined> {
    const { pod } = context;
    const fsGroup = pod.spec.securityContext?.fsGroup;
    if (volume.emptyDir !== undefined) {
      await ensureEmptyDir({ path: this.#pathOf(pod, volume), source: volume.emptyDir, fsGroup });
      return undefined;
    }
    if (volume.hostPath !== undefined) {
      await checkHostPath(volume.hostPath);
      return undefined;
    }
    // Pulled and mounted when the first container that has it starts.
    if (volume.image !== undefined) return undefined;
    const bound = context.objects.claimed.get(volume.name);
    if (bound !== undefined) {
      const paths = this.#claimed.get(pod.metadata.uid) ?? new Map<string, string>();
      paths.set(volume.name, await ensureClaimedDirectory(bound, this.#localVolumes, fsGroup));
      this.#claimed.set(pod.metadata.uid, paths);
      return undefined;
    }
    const { files, refreshAtMs } = await this.#contentOf(volume, context);
    await writeAtomically({ directory: this.#pathOf(pod, volume), files, fsGroup });
    return refreshAtMs;
  }

  async #contentOf(volume: Volume, context: FilesContext): Promise<Content> {
    const { configMap, secret, downwardAPI, projected } = volume;
    const still = (files: VolumeFiles): Content => ({ files, refreshAtMs: undefined });
    if (configMap !== undefined)
      return still(configMapFiles(configMap, configMap.defaultMode ?? defaultFileMode, context));
    if (secret !== undefined)
      return still(
        secretFiles({ ...secret, name: secret.secretName }, secret.defaultMode ?? defaultFileMode, context),
      );
    if (downwardAPI !== undefined)
      return still(
        downwardFiles(downwardAPI.items ?? [], downwardAPI.defaultMode ?? defaultFileMode, context),
      );
    if (projected !== undefined) return this.#projectedContent(projected, context);
    const type = Object.keys(volume).find((key) => key !== 'name') ?? 'empty';
    throw new VolumeError(`volume type ${type} is not supported on this node`);
  }

  async #projectedContent(source: NonNullable<Volume['projected']>, context: FilesContext): Promise<Content> {
    const mode = source.defaultMode ?? defaultFileMode;
    const files = new Map<string, VolumeFile>();
    let refreshAtMs: number | undefined;
    for (const projection of source.sources ?? []) {
      const { serviceAccountToken } = projection;
      if (serviceAccountToken === undefined) {
        for (const [path, file] of projectedFiles(projection, mode, context)) files.set(path, file);
        continue;
      }
      const { path, audience, expirationSeconds } = serviceAccountToken;
      const { token, renewAtMs } = await this.#tokens.get({ pod: context.pod, audience, expirationSeconds });
      files.set(safePath(path), { data: Buffer.from(token), ...tokenAccess(context.pod, mode) });
      refreshAtMs = Math.min(refreshAtMs ?? renewAtMs, renewAtMs);
    }
    return { files, refreshAtMs };
  }
}

/** Where the pod says who its processes are, its tokens are for their eyes only. */
function tokenAccess(pod: Pod, mode: number): Pick<VolumeFile, 'mode' | 'owner'> {
  const { initContainers = [], containers, securityContext } = pod.spec;
  const users = new Set(
    [...initContainers, ...containers].map(
      (container) => container.securityContext?.runAsUser ?? securityContext?.runAsUser,
    ),
  );
  const owner = users.size === 1 ? [...users][0] : undefined;
  return owner === undefined && securityContext?.fsGroup === undefined ? { mode } : { mode: 0o600, owner };
}
