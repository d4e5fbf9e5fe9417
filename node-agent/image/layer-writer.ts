/**
 * Writes the entries of a layer's tar stream below one directory, in the form in which overlayfs takes it as a lower
 * layer: a whiteout `.wh.NAME` becomes a character device 0/0, `.wh..wh..opq` the attribute `trusted.overlay.opaque`.
 *
 * Small files are written synchronously: ten system calls of microseconds each, where ten trips through the thread
 * pool would take most of a millisecond.
 *
 * @see https://github.com/opencontainers/image-spec/blob/main/layer.md https://docs.kernel.org/filesystems/overlayfs.html
 */
import * as fs from 'node:fs';
import { posix } from 'node:path';
import type { Header } from 'tar-stream';
import { codeOf } from '../../base/invariant.ts';
import { mustRun } from '../runtime/command.ts';
import { ImageError } from './image-error.ts';
import { entryParts, LayerRoot } from './layer-path.ts';

/** Content of one entry, in pieces. */
type Content = AsyncIterable<unknown>;

const whiteoutPrefix = '.wh.';
const opaqueMarker = '.wh..wh..opq';
const xattrRecord = 'SCHILY.xattr.';

interface DirectoryTime {
  readonly path: string;
  readonly seconds: number;
}

export class LayerWriter {
  readonly #root: LayerRoot;
  readonly #whiteouts: string[] = [];
  readonly #attributes: { readonly path: string; readonly name: string; readonly value: Buffer }[] = [];
  readonly #directoryTimes: DirectoryTime[] = [];
  readonly #devices: string[][] = [];

  constructor(directory: string) {
    this.#root = new LayerRoot(directory);
  }

  async write(header: Header, content: Content): Promise<void> {
    const parts = entryParts(header.name);
    if (parts === undefined) {
      this.#setMetadata(this.#root.directory, header);
      return drain(content);
    }
    const path = this.#root.pathOf(parts);
    const base = posix.basename(path);
    if (base.startsWith(whiteoutPrefix)) {
      this.#whiteOut(posix.dirname(path), base);
      return drain(content);
    }
    this.#clear(path, header);
    await this.#make(path, header, content);
    this.#noteAttributes(path, header);
  }

  /** What takes other programs, in one batch each, and the times of directories, which their entries have changed. */
  async finish(): Promise<void> {
    if (this.#whiteouts.length > 0) {
      const input = Buffer.from(`${this.#whiteouts.join('\0')}\0`);
      await mustRun('xargs', ['-0', '-I', '{}', 'mknod', '{}', 'c', '0', '0'], { input });
    }
    for (const args of this.#devices) await mustRun('mknod', args);
    if (this.#attributes.length > 0) {
      await mustRun('setfattr', ['-h', '--restore=-'], { input: attributeDump(this.#attributes) });
    }
    for (const { path, seconds } of this.#directoryTimes.reverse()) fs.utimesSync(path, seconds, seconds);
  }

  async #make(path: string, header: Header, content: Content): Promise<void> {
    switch (header.type) {
      case 'directory':
        this.#makeDirectory(path);
        break;
      case 'symlink':
        fs.symlinkSync(header.linkname ?? '', path);
        break;
      case 'link':
        this.#link(path, header);
        return drain(content);
      case 'fifo':
      case 'character-device':
      case 'block-device':
        this.#devices.push(deviceArguments(path, header));
        return drain(content);
      case 'file':
      case 'contiguous-file':
      case undefined:
      case null:
        await this.#writeFile(path, content);
        break;
      default:
        throw new ImageError('IMAGE_PULL', `layer entry ${header.name} of type ${header.type}`);
    }
    this.#setMetadata(path, header);
    if (header.type === 'directory' || header.type === 'symlink') await drain(content);
  }

  #makeDirectory(path: string): void {
    try {
      fs.mkdirSync(path);
    } catch (error) {
      // Its parent role has made it already, or it comes twice.
      if (codeOf(error) !== 'EEXIST') throw error;
    }
  }

  /** Hard links lead to an entry of this layer; the link itself is never followed. */
  #link(path: string, header: Header): void {
    const parts = entryParts(header.linkname ?? '');
    if (parts === undefined)
      throw new ImageError('IMAGE_PULL', `layer entry ${header.name} links to the root`);
    fs.linkSync(this.#root.pathOf(parts), path);
  }

  async #writeFile(path: string, content: Content): Promise<void> {
    // wx: the path was cleared, so whatever is there now is not ours to write through.
    const fd = fs.openSync(path, 'wx', 0o600);
    try {
      for await (const chunk of content) {
        fs.writeSync(fd, chunk as Buffer);
      }
    } finally {
      fs.closeSync(fd);
    }
  }

  /** Owner before mode: a change of owner takes the set-user-ID bit away. */
  #setMetadata(path: string, header: Header): void {
    fs.lchownSync(path, header.uid ?? 0, header.gid ?? 0);
    const seconds = (header.mtime?.getTime() ?? 0) / 1000;
    if (header.type === 'symlink') {
      fs.lutimesSync(path, seconds, seconds);
      return;
    }
    fs.chmodSync(path, (header.mode ?? 0o644) & 0o7777);
    if (header.type === 'directory') this.#directoryTimes.push({ path, seconds });
    else fs.utimesSync(path, seconds, seconds);
  }

  #whiteOut(directory: string, base: string): void {
    if (base === opaqueMarker) {
      this.#attributes.push({ path: directory, name: 'trusted.overlay.opaque', value: Buffer.from('y') });
      return;
    }
    const name = base.slice(whiteoutPrefix.length);
    if (name === '' || name === '.' || name === '..') throw new ImageError('IMAGE_PULL', `whiteout ${base}`);
    this.#whiteouts.push(`${directory}/${name}`);
  }

  /** An entry replaces an earlier one of its name; only a directory over a directory adds to it. */
  #clear(path: string, header: Header): void {
    const info = fs.lstatSync(path, { throwIfNoEntry: false });
    if (info === undefined || (info.isDirectory() && header.type === 'directory')) return;
    this.#root.forget(path);
    fs.rmSync(path, { recursive: true, force: true });
  }

  #noteAttributes(path: string, header: Header): void {
    for (const [record, value] of Object.entries(paxOf(header))) {
      if (!record.startsWith(xattrRecord)) continue;
      const name = record.slice(xattrRecord.length);
      // An overlay attribute in an image would let it shape the merge of other layers.
      if (name.startsWith('trusted.') || name.startsWith('user.overlay.')) continue;
      this.#attributes.push({ path, name, value: Buffer.from(value, 'utf8') });
    }
  }
}

/** tar-stream hands the extended header on without declaring it. */
function paxOf(header: Header): Readonly<Record<string, string>> {
  const pax: unknown = 'pax' in header ? header.pax : undefined;
  return typeof pax === 'object' && pax !== null ? (pax as Readonly<Record<string, string>>) : {};
}

function deviceArguments(path: string, header: Header): string[] {
  const mode = `--mode=${((header.mode ?? 0o600) & 0o777).toString(8)}`;
  if (header.type === 'fifo') return [mode, path, 'p'];
  const type = header.type === 'block-device' ? 'b' : 'c';
  return [mode, path, type, String(header.devmajor ?? 0), String(header.devminor ?? 0)];
}

/** The form of `getfattr --dump`, in which a path's odd bytes are octal. @see setfattr(1) */
export function attributeDump(
  attributes: readonly { readonly path: string; readonly name: string; readonly value: Buffer }[],
): string {
  return attributes
    .map(({ path, name, value }) => `# file: ${quoted(path)}\n${name}=0s${value.toString('base64')}\n\n`)
    .join('');
}

function quoted(path: string): string {
  return [...Buffer.from(path)]
    .map((byte) =>
      byte <= 0x20 || byte === 0x5c || byte >= 0x7f
        ? `\\${byte.toString(8).padStart(3, '0')}`
        : String.fromCharCode(byte),
    )
    .join('');
}

async function drain(content: Content): Promise<void> {
  for await (const _ of content);
}
