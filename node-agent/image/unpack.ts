import { LayerStore } from './layer-store.ts';
import { imagesInLayout, type LayoutImage } from './oci-layout.ts';

/** Unpacks every layer of an image that `store` does not have, from the lowest up, and gives their directories so. */
export async function unpackLayers(image: LayoutImage, store: LayerStore): Promise<string[]> {
  const directories: string[] = [];
  for (const [index, descriptor] of image.manifest.layers.entries()) {
    const diffId = image.config.rootfs.diff_ids[index] ?? '';
    directories.push(await store.ensure({ layoutDir: image.layoutDir, descriptor, diffId }));
  }
  return directories;
}

/**
 * Fills a store that agents then use read-only (`--layer-store`), with every image of a layout. Idempotent: what is
 * there is not unpacked again; two callers at once do no harm.
 */
export async function unpackImageLayers(layoutDir: string, layerStoreDir: string): Promise<void> {
  const store = new LayerStore(layerStoreDir);
  for (const image of await imagesInLayout(layoutDir)) await unpackLayers(image, store);
}
