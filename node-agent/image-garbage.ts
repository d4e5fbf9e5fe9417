import { type Clock, delay } from '../base/clock.ts';
import { messageOf } from '../base/invariant.ts';
import type { Logger } from '../base/logger.ts';
import type { PodWorkers } from './pod/pod-workers.ts';
import type { ImageInfo, ImageService } from './runtime/runtime.ts';

const periodMs = 5 * 60_000;
/** Above the first share of the disk images are removed until the second is reached. */
const highShare = 0.85;
const lowShare = 0.8;
/** An image that was just pulled is about to be used. */
const minAgeMs = 2 * 60_000;

export interface ImageGarbageOptions {
  readonly workers: PodWorkers;
  readonly images: ImageService;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Removes images that nothing has used for longest when the disk fills up. */
export class ImageGarbage {
  readonly #options: ImageGarbageOptions;
  readonly #seen = new Map<string, { readonly firstMs: number; lastUsedMs: number }>();

  constructor(options: ImageGarbageOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await delay(this.#options.clock, periodMs, signal);
      if (signal.aborted) return;
      try {
        await this.#collect();
      } catch (error) {
        // The next round tries again.
        this.#options.logger.warn({ err: error }, 'collect unused images');
      }
    }
  }

  async #collect(): Promise<void> {
    const { images, clock, logger } = this.#options;
    const nowMs = clock.nowMs();
    const unused = this.#track(await images.listImages(), nowMs);
    const { capacityBytes, availableBytes } = await images.imageFsInfo();
    let excess = imagesExcess(capacityBytes, availableBytes);
    for (const image of unused) {
      if (excess <= 0) return;
      logger.info({ image: image.repoTags[0] ?? image.id }, 'remove an unused image');
      await images.removeImage(image.id).catch((error: unknown) => {
        logger.warn({ err: error, image: image.id }, messageOf(error));
      });
      excess -= image.sizeBytes;
    }
  }

  /** @returns what is not in use, longest unused first. */
  #track(found: readonly ImageInfo[], nowMs: number): ImageInfo[] {
    const used = new Set(
      this.#options.workers.all.flatMap(({ memory }) => [
        ...memory.containers.map(({ imageId }) => imageId),
        ...[...memory.images.values()].flatMap((fact) => (fact.state === 'present' ? [fact.imageId] : [])),
      ]),
    );
    const present = new Set(found.map(({ id }) => id));
    for (const id of this.#seen.keys()) if (!present.has(id)) this.#seen.delete(id);
    for (const { id } of found) {
      const entry = this.#seen.get(id) ?? { firstMs: nowMs, lastUsedMs: nowMs };
      if (used.has(id)) entry.lastUsedMs = nowMs;
      this.#seen.set(id, entry);
    }
    const lastUse = (id: string): number => this.#seen.get(id)?.lastUsedMs ?? nowMs;
    return found
      .filter(({ id }) => !used.has(id) && nowMs - (this.#seen.get(id)?.firstMs ?? nowMs) >= minAgeMs)
      .sort((left, right) => lastUse(left.id) - lastUse(right.id));
  }
}

/** Bytes to free; zero below the threshold. */
export function imagesExcess(capacityBytes: number, availableBytes: number): number {
  const usedBytes = capacityBytes - availableBytes;
  return usedBytes < capacityBytes * highShare ? 0 : usedBytes - capacityBytes * lowShare;
}
