import { rm } from 'node:fs/promises';
import type { Container, EphemeralContainer, Pod, Volume } from '../../api/generated/core-v1.ts';
import { messageOf } from '../../base/invariant.ts';
import type { Mount } from '../runtime/runtime.ts';
import { writeAtomically } from './atomic-writer.ts';
import { mountsOf } from './container-mounts.ts';
import { ensureEmptyDir, removeEmptyDirs } from './empty-dir.ts';
import { checkHostPath } from './host-path.ts';
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

/** The volumes of the node's pods. */
export class PodVolumes {
  readonly #directories: PodDirectories;
  readonly #tokens: ServiceAccountTokens;

  constructor(options: { readonly directories: PodDirectories; readonly tokens: ServiceAccountTokens }) {
    this.#directories = options.directories;
    this.#tokens = options.tokens;
  }

  /**
   * Sets up all of the pod's volumes, or brings their content up to date. Idempotent.
   * @throws VolumeError for the first that cannot be.
   */
  async mount(context: FilesContext): Promise<{ readonly refreshAtMs: number | undefined }> {
    let refreshAtMs: number | undefined;
    for (const volume of context.pod.spec.volumes ?? []) {
      try {
        const due = await this.#mountOne(volume, context);
        if (due !== undefined) refreshAtMs = Math.min(refreshAtMs ?? due, due);
      } catch (error) {
        throw new VolumeError(`MountVolume.SetUp failed for volume "${volume.name}" : ${messageOf(error)}`, {
          cause: error,
        });
      }
    }
    return { refreshAtMs };
  }

  containerMounts(
    pod: Pod,
    container: Container | EphemeralContainer,
    environment: ReadonlyMap<string, string>,
  ): Promise<Mount[]> {
    return mountsOf({ pod, container, environment, pathOf: (volume) => this.#pathOf(pod, volume) });
  }

  async unmount(podUid: string): Promise<void> {
    await removeEmptyDirs(this.#directories.podDirectory(podUid));
    await rm(this.#directories.memoryDirectory(podUid), { recursive: true, force: true });
    this.#tokens.forget(podUid);
  }

  #pathOf(pod: Pod, volume: Volume): string {
    if (volume.hostPath !== undefined) return volume.hostPath.path;
    const medium = volume.emptyDir === undefined && volume.configMap === undefined ? 'memory' : 'disk';
    return this.#directories.volumeDirectory(pod.metadata.uid, volume.name, medium);
  }

  /** @returns when the content must be renewed. */
  async #mountOne(volume: Volume, context: FilesContext): Promise<number | undefined> {
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
