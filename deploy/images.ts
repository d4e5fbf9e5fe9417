import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unpackImageLayers } from '../node-agent/image/unpack.ts';
import { runCommand } from './command.ts';
import type { Layout } from './layout.ts';
import type { Progress } from './progress.ts';

/** Builds the nginx image, unless its recipe is unchanged, and unpacks its layers into the store that all hosts share. */
export async function prepareImages(layout: Layout, progress: Progress): Promise<void> {
  const images = join(layout.cache, 'images');
  const recipe = join(layout.root, 'deploy/images/nginx.sh');
  const target = join(images, 'nginx');
  const stamp = join(layout.cache, 'nginx.stamp');
  const hash = createHash('sha256').update(readFileSync(recipe)).digest('hex');
  await mkdir(images, { recursive: true });
  if (!existsSync(target) || !existsSync(stamp) || readFileSync(stamp, 'utf8') !== hash) {
    progress.step("building the nginx image from Debian's packages");
    await runCommand(recipe, [target]);
    await writeFile(stamp, hash);
  }
  await unpackImageLayers(target, join(layout.cache, 'layers'));
}
