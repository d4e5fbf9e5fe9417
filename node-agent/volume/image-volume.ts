import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { mountPoints, mountReadOnlyOverlay } from '../runtime/overlay.ts';
import type { RunnableImage } from '../runtime/runnable-image.ts';
import { namesIn } from './directory-names.ts';

const digestPrefix = 'sha256:';

export interface ImageVolume {
  /** Mount point, in the pod's directory. */
  readonly path: string;
  readonly image: Pick<RunnableImage, 'id' | 'layerDirs'>;
}

/**
 * An image's layers as a volume, read-only. What is mounted stays, whatever the image's name means by now. Beside it lies
 * an empty directory `VOLUME@DIGEST`: the lowest layer, as an overlay without an upper one needs two, and what tells a
 * later agent which image must stay on the node.
 */
export async function ensureImageVolume({ path, image }: ImageVolume): Promise<void> {
  if (mountPoints().has(path)) return;
  const lowest = `${path}@${image.id.slice(digestPrefix.length)}`;
  await Promise.all([path, lowest].map((directory) => mkdir(directory, { recursive: true })));
  await mountReadOnlyOverlay([...image.layerDirs, lowest], path);
}

/** Ids of the images that are volumes of pods of this node, by the marks that `ensureImageVolume` leaves. */
export async function imagesOfVolumes(rootDir: string): Promise<string[]> {
  const podsDir = join(rootDir, 'pods');
  const volumes = await Promise.all(
    (await namesIn(podsDir)).map((uid) => namesIn(join(podsDir, uid, 'volumes'))),
  );
  return volumes.flat().flatMap((name) => {
    const digest = name.split('@')[1];
    return digest === undefined ? [] : [`${digestPrefix}${digest}`];
  });
}
