/**
 * Unpacked layers, each once, by the digest of its uncompressed tar (its diff id): `<store>/<24 hex digits>/`. A layer
 * is unpacked beside its place and renamed into it when complete and verified, so that a directory which is there is
 * whole; two processes may fill one store.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { extract } from 'tar-stream';
import { codeOf, messageOf } from '../../base/invariant.ts';
import { secretHex } from '../../base/random.ts';
import { ImageError } from './image-error.ts';
import { LayerWriter } from './layer-writer.ts';
import { blobPath, type Descriptor } from './oci-layout.ts';

const shortIdLength = 24;
const partialPrefix = '.partial-';

export interface LayerSource {
  readonly layoutDir: string;
  readonly descriptor: Descriptor;
  readonly diffId: string;
}

/** Directory name of a layer: short, since every layer's path goes into one page of mount options. */
export function layerName(diffId: string): string {
  return diffId.slice('sha256:'.length, 'sha256:'.length + shortIdLength);
}

export class LayerStore {
  readonly #directory: string;
  readonly #readOnlyStores: readonly string[];
  readonly #underWay = new Map<string, Promise<string>>();

  constructor(directory: string, readOnlyStores: readonly string[] = []) {
    this.#directory = directory;
    this.#readOnlyStores = readOnlyStores;
  }

  /** The layer's directory, in one of the read-only stores or our own. */
  find(diffId: string): string | undefined {
    const name = layerName(diffId);
    return [...this.#readOnlyStores, this.#directory].map((store) => `${store}/${name}`).find(existsSync);
  }

  /** Unpacks the layer unless it is there. */
  ensure(source: LayerSource): Promise<string> {
    const found = this.find(source.diffId);
    if (found !== undefined) return Promise.resolve(found);
    const running = this.#underWay.get(source.diffId);
    if (running !== undefined) return running;
    const unpacking = this.#unpack(source).finally(() => this.#underWay.delete(source.diffId));
    this.#underWay.set(source.diffId, unpacking);
    return unpacking;
  }

  /** Names of the layers in our own store. */
  async names(): Promise<string[]> {
    return (await readdir(this.#directory)).filter((name) => !name.startsWith('.'));
  }

  removeByDiffId(diffId: string): Promise<void> {
    return this.remove(layerName(diffId));
  }

  async remove(name: string): Promise<void> {
    // Renamed first: a layer that is half removed must not be found.
    const doomed = `${this.#directory}/${partialPrefix}${secretHex(4)}`;
    try {
      await rename(`${this.#directory}/${name}`, doomed);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return;
      throw error;
    }
    await rm(doomed, { recursive: true, force: true });
  }

  /** Removes what a crash left half unpacked. Only for a store that no other process fills. */
  async sweep(): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    const partial = (await readdir(this.#directory)).filter((name) => name.startsWith(partialPrefix));
    for (const name of partial) await rm(`${this.#directory}/${name}`, { recursive: true, force: true });
  }

  async #unpack(source: LayerSource): Promise<string> {
    await mkdir(this.#directory, { recursive: true });
    const partial = `${this.#directory}/${partialPrefix}${secretHex(4)}`;
    const target = `${this.#directory}/${layerName(source.diffId)}`;
    await mkdir(partial, { mode: 0o755 });
    try {
      await unpackLayer(source, partial);
      await moveInto(partial, target);
    } catch (error) {
      await rm(partial, { recursive: true, force: true });
      if (error instanceof ImageError) throw error;
      throw new ImageError('IMAGE_PULL', `unpack layer ${source.diffId}: ${messageOf(error)}`, {
        cause: error,
      });
    }
    return target;
  }
}

/** @throws ImageError when blob or content do not have the digests that the image names. */
async function unpackLayer(source: LayerSource, directory: string): Promise<void> {
  const writer = new LayerWriter(directory);
  const blobHash = createHash('sha256');
  const diffHash = createHash('sha256');
  const untar = extract();
  const writing = (async () => {
    for await (const entry of untar) await writer.write(entry.header, entry);
  })();
  await Promise.all([
    pipeline([
      createReadStream(blobPath(source.layoutDir, source.descriptor.digest)),
      hashing(blobHash),
      ...decompressors(source.descriptor.mediaType),
      hashing(diffHash),
      untar,
    ]),
    writing,
  ]);
  verify('blob', blobHash, source.descriptor.digest);
  verify('content', diffHash, source.diffId);
  await writer.finish();
}

function decompressors(mediaType: string): Transform[] {
  if (/[+.]gzip$/.test(mediaType)) return [createGunzip()];
  if (/[+.]zstd$/.test(mediaType)) return [createZstdDecompress()];
  return [];
}

function hashing(hash: Hash): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
}

function verify(what: string, hash: Hash, expected: string): void {
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual !== expected) {
    throw new ImageError('IMAGE_PULL', `layer ${what} has the digest ${actual} instead of ${expected}`);
  }
}

/** Another process may have been faster; its layer is as good. */
async function moveInto(partial: string, target: string): Promise<void> {
  try {
    await rename(partial, target);
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    await rm(partial, { recursive: true, force: true });
  }
}
