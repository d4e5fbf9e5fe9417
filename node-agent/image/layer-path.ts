import { lstatSync, mkdirSync, readlinkSync } from 'node:fs';
import { posix } from 'node:path';
import { codeOf } from '../../base/invariant.ts';
import { ImageError } from './image-error.ts';

const maxLinks = 40;

/** Parts of an entry's name. `undefined` for the root itself. @throws when the name leads out of the layer. */
export function entryParts(name: string): string[] | undefined {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || name.includes('\0')) {
    throw new ImageError('IMAGE_PULL', `layer entry ${JSON.stringify(name)} leads out of the layer`);
  }
  return parts.length === 0 ? undefined : parts;
}

/**
 * Where entries of a layer lie on disk. Every directory on the way is looked at, and a symbolic link in it is resolved
 * within the layer's root as a chroot would, never by the kernel: no name in a layer can reach what is outside.
 */
export class LayerRoot {
  readonly directory: string;
  /** Directories that are known to be real ones. Removed entries take their own out. */
  readonly #known = new Set<string>();

  constructor(directory: string) {
    this.directory = directory;
  }

  /** Path of an entry, its parent directories made where the layer does not have them. */
  pathOf(parts: readonly string[]): string {
    const parent = this.#resolveParent(parts.slice(0, -1));
    return posix.join(parent, parts.at(-1) ?? '');
  }

  forget(path: string): void {
    for (const known of this.#known)
      if (known === path || known.startsWith(`${path}/`)) this.#known.delete(known);
  }

  #resolveParent(parts: readonly string[]): string {
    const pending = [...parts];
    let links = 0;
    let current = this.directory;
    while (pending.length > 0) {
      const part = pending.shift();
      if (part === undefined || part === '.' || part === '') continue;
      if (part === '..') {
        if (current !== this.directory) current = posix.dirname(current);
        continue;
      }
      const next = `${current}/${part}`;
      const link = this.#linkAt(next);
      if (link === undefined) {
        current = next;
        continue;
      }
      links += 1;
      if (links > maxLinks)
        throw new ImageError('IMAGE_PULL', `too many symbolic links at ${parts.join('/')}`);
      if (link.startsWith('/')) current = this.directory;
      pending.unshift(...link.split('/'));
    }
    return current;
  }

  /** Target of the symbolic link at `path`; a directory is made where there is nothing. */
  #linkAt(path: string): string | undefined {
    if (this.#known.has(path)) return undefined;
    try {
      const info = lstatSync(path);
      if (info.isSymbolicLink()) return readlinkSync(path);
      if (!info.isDirectory()) throw new ImageError('IMAGE_PULL', `layer entry below a file: ${path}`);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      mkdirSync(path, { mode: 0o755 });
    }
    this.#known.add(path);
    return undefined;
  }
}
