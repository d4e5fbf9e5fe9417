import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
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
    // One at a time in this clone; another `up` may have done it while this one waited.
    const build =
      '[ -e "$4" ] && [ "$(cat "$1" 2>/dev/null)" = "$2" ] || { "$3" "$4" && printf %s "$2" >"$1"; }';
    const lock = join(layout.cache, 'images.lock');
    await runCommand('flock', [lock, 'sh', '-c', build, 'sh', stamp, hash, recipe, target]);
  }
  await unpackImageLayers(target, join(layout.cache, 'layers'));
}
