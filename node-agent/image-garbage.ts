import { type Clock, delay } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { NodeImages } from './image/image-service.ts';
import type { PodWorkers } from './pod/pod-workers.ts';

const periodMs = 5 * 60_000;
/** An image that was just pulled is about to be used. */
const minAgeMs = 2 * 60_000;

export interface ImageGarbageOptions {
  readonly workers: Pick<PodWorkers, 'all'>;
  readonly images: Pick<NodeImages, 'collectGarbage'>;
  /** Ids of images that are mounted as volumes. */
  readonly imagesOfVolumes: () => Promise<readonly string[]>;
  /** Fuller than the first, images are removed until the disk is no fuller than the second. */
  readonly thresholds: { readonly highPercent: number; readonly lowPercent: number };
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Once in a while removes layers that no image has, and images that no pod has when the disk fills up. */
export async function runImageGarbage(options: ImageGarbageOptions, signal: AbortSignal): Promise<void> {
  const { workers, images, imagesOfVolumes, thresholds, clock, logger } = options;
  while (!signal.aborted) {
    await delay(clock, periodMs, signal);
    if (signal.aborted) return;
    try {
      const inUse = new Set([...imagesInUse(workers), ...(await imagesOfVolumes())]);
      const removed = await images.collectGarbage({ ...thresholds, minAgeMs, inUse });
      for (const image of removed) logger.info({ image }, 'removed an unused image');
    } catch (error) {
      // The next round tries again.
      logger.warn({ err: error }, 'collect unused images');
    }
  }
}

/** Of containers, and those pulled for containers to come. */
export function imagesInUse(workers: Pick<PodWorkers, 'all'>): ReadonlySet<string> {
  return new Set(
    workers.all.flatMap(({ memory }) => [
      ...memory.containers.map(({ imageId }) => imageId),
      ...[...memory.images.values()].flatMap((fact) => (fact.state === 'present' ? [fact.imageId] : [])),
    ]),
  );
}
