/**
 * The images of a node: records of what is there (by config digest), and their layers, unpacked once and shared by all
 * containers. An image is looked for here, then in the local directories, then at its registry.
 */
import { mkdir, readdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { RunnableImage, RunnableImages } from '../runtime/runnable-image.ts';
import type { ImageInfo, ImageService, RegistryAuth } from '../runtime/runtime.ts';
import { bytesToFree, type GarbagePolicy, planGarbage } from './garbage.ts';
import { ImageError } from './image-error.ts';
import {
  type ImageRecord,
  isNamed,
  parseImageRecord,
  toImageInfo,
  toImageRecord,
  withName,
} from './image-record.ts';
import { type FetchedImage, type ImageSource, localSource, registrySource } from './image-source.ts';
import { LayerStore, layerName } from './layer-store.ts';
import type { LayoutImage } from './oci-layout.ts';
import { formatReference, type ImageReference, parseReference } from './reference.ts';
import { unpackLayers } from './unpack.ts';

export interface ImageServiceOptions {
  /** Holds records and unpacked layers. Short: see `LayerStore`. */
  readonly rootDir: string;
  /** Directories of OCI layouts and archives, looked at before a registry. */
  readonly localDirs: readonly string[];
  /** Unpacked layers that somebody else keeps. */
  readonly layerStores: readonly string[];
  /** `HOST[:PORT]` of registries that speak plain HTTP or show a certificate nobody vouches for. */
  readonly insecureRegistries: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** An image service that a runtime can start containers from. */
export interface NodeImages extends ImageService, RunnableImages {
  /**
   * Removes unused images while the disk is too full, and layers that no image has. Gives the ids of the removed
   * images.
   */
  collectGarbage(policy: GarbagePolicy): Promise<readonly string[]>;
}

export async function createImageService(options: ImageServiceOptions): Promise<NodeImages> {
  const service = new NodeImageService(options);
  await service.load();
  return service;
}

class NodeImageService implements NodeImages {
  readonly #options: ImageServiceOptions;
  readonly #recordDir: string;
  readonly #layers: LayerStore;
  readonly #sources: readonly ImageSource[];
  readonly #records = new Map<string, ImageRecord>();
  readonly #pulls = new Map<string, Promise<string>>();
  /** Resolves when the last record under way is written: pulls of several names may be of one image, thus of one record. */
  #lastRecorded: Promise<unknown> = Promise.resolve();

  constructor(options: ImageServiceOptions) {
    const scratchDir = `${options.rootDir}/pulls`;
    this.#options = options;
    this.#recordDir = `${options.rootDir}/images`;
    this.#layers = new LayerStore(`${options.rootDir}/layers`, options.layerStores);
    this.#sources = [
      localSource(options.localDirs, scratchDir),
      registrySource({ insecureRegistries: options.insecureRegistries, scratchDir }),
    ];
  }

  async load(): Promise<void> {
    await rm(`${this.#options.rootDir}/pulls`, { recursive: true, force: true });
    await mkdir(this.#recordDir, { recursive: true });
    await this.#layers.sweep();
    for (const name of await readdir(this.#recordDir)) {
      if (!name.endsWith('.json')) continue;
      const record = await this.#readRecord(`${this.#recordDir}/${name}`);
      // A layer of a shared store may have gone with it: then the image is pulled again.
      const isWhole = record?.diffIds.every((diffId) => this.#layers.find(diffId) !== undefined) === true;
      if (record !== undefined && isWhole) this.#records.set(record.id, record);
      else await rm(`${this.#recordDir}/${name}`, { force: true });
    }
  }

  pullImage(image: string, auth?: RegistryAuth): Promise<string> {
    const running = this.#pulls.get(image);
    if (running !== undefined) return running;
    const pull = this.#pull(image, auth).finally(() => this.#pulls.delete(image));
    this.#pulls.set(image, pull);
    return pull;
  }

  async #pull(image: string, auth: RegistryAuth | undefined): Promise<string> {
    const reference = parseReference(image);
    for (const source of this.#sources) {
      const fetched = await source.fetch(reference, auth);
      if (fetched !== undefined) return this.#keep(reference, fetched);
    }
    throw new ImageError('IMAGE_NOT_FOUND', `image ${formatReference(reference)} not found`);
  }

  async #keep(reference: ImageReference, { image, release }: FetchedImage): Promise<string> {
    try {
      await unpackLayers(image, this.#layers);
    } finally {
      await release();
    }
    const recorded = this.#lastRecorded.then(() => this.#record(reference, image));
    this.#lastRecorded = recorded.catch(() => {}); // told to the pull that it concerns
    return recorded;
  }

  async #record(reference: ImageReference, image: LayoutImage): Promise<string> {
    const known = this.#records.get(image.configDigest) ?? toImageRecord(image, 0);
    const record = withName(known, reference, image.manifestDigest);
    await this.#takeNameFromOthers(record, reference);
    await this.#save({ ...record, usedAtMs: this.#options.clock.nowMs() });
    return record.id;
  }

  /** A tag that has moved belongs to its new image alone. */
  async #takeNameFromOthers(record: ImageRecord, reference: ImageReference): Promise<void> {
    if (reference.tag === undefined) return;
    const name = formatReference({ ...reference, digest: undefined });
    for (const other of this.#records.values()) {
      if (other.id === record.id || !other.repoTags.includes(name)) continue;
      await this.#save({ ...other, repoTags: other.repoTags.filter((tag) => tag !== name) });
    }
  }

  async imageStatus(image: string): Promise<ImageInfo | undefined> {
    const record = this.#find(image);
    return record === undefined ? undefined : toImageInfo(record);
  }

  async listImages(): Promise<ImageInfo[]> {
    return [...this.#records.values()].map(toImageInfo);
  }

  /** Takes the image off the list; its layers go when no other image has them, by `collectGarbage`. */
  async removeImage(imageId: string): Promise<void> {
    const record = this.#records.get(imageId);
    if (record === undefined) return;
    this.#records.delete(imageId);
    await rm(this.#recordPath(imageId), { force: true });
    const inUse = new Set([...this.#records.values()].flatMap((other) => other.diffIds));
    for (const diffId of record.diffIds) if (!inUse.has(diffId)) await this.#layers.removeByDiffId(diffId);
  }

  async collectGarbage(policy: GarbagePolicy): Promise<readonly string[]> {
    await this.#removeOrphanLayers();
    const removed: string[] = [];
    const now = this.#options.clock.nowMs();
    for (const record of planGarbage([...this.#records.values()], policy, now)) {
      if (bytesToFree(await this.imageFsInfo(), policy) === 0) break;
      await this.removeImage(record.id);
      removed.push(record.id);
    }
    return removed;
  }

  /** What a pull that was cut short, or a removal, left. Not while a pull is under way: its layers have no image yet. */
  async #removeOrphanLayers(): Promise<void> {
    if (this.#pulls.size > 0) return;
    const wanted = new Set([...this.#records.values()].flatMap((record) => record.diffIds.map(layerName)));
    for (const name of await this.#layers.names()) {
      if (this.#pulls.size > 0) return;
      if (!wanted.has(name)) await this.#layers.remove(name);
    }
  }

  async imageFsInfo(): Promise<{
    readonly usedBytes: number;
    readonly availableBytes: number;
    readonly capacityBytes: number;
  }> {
    const info = await statfs(this.#options.rootDir);
    const capacityBytes = info.blocks * info.bsize;
    const availableBytes = info.bavail * info.bsize;
    return { usedBytes: capacityBytes - info.bfree * info.bsize, availableBytes, capacityBytes };
  }

  async runnableImage(imageId: string): Promise<RunnableImage> {
    const record = this.#records.get(imageId);
    if (record === undefined) throw new ImageError('IMAGE_NOT_FOUND', `image ${imageId} is not on this node`);
    const layerDirs = record.diffIds.map((diffId) => {
      const directory = this.#layers.find(diffId);
      if (directory === undefined)
        throw new ImageError('IMAGE_NOT_FOUND', `layer ${diffId} is not on this node`);
      return directory;
    });
    // In memory only: a disk write per start for the sake of a garbage collector's order is not worth it.
    this.#records.set(imageId, { ...record, usedAtMs: this.#options.clock.nowMs() });
    return { id: imageId, layerDirs: layerDirs.reverse(), config: record.config };
  }

  #find(image: string): ImageRecord | undefined {
    const byId = this.#records.get(image);
    if (byId !== undefined) return byId;
    const reference = parseReference(image);
    return [...this.#records.values()].find((record) => isNamed(record, reference));
  }

  async #save(record: ImageRecord): Promise<void> {
    const path = this.#recordPath(record.id);
    await writeFile(`${path}.new`, JSON.stringify(record));
    await rename(`${path}.new`, path);
    this.#records.set(record.id, record);
  }

  async #readRecord(path: string): Promise<ImageRecord | undefined> {
    try {
      return parseImageRecord(JSON.parse(await readFile(path, 'utf8')));
    } catch (error) {
      this.#options.logger.warn({ err: error, path }, 'dropping an image record that cannot be read');
      return undefined;
    }
  }

  #recordPath(id: string): string {
    return `${this.#recordDir}/${id.slice('sha256:'.length)}.json`;
  }
}
