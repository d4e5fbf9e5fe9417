/**
 * An OCI layout to run containers from, made of this machine's own programs and the libraries they load: no network, no
 * registry, a second of work.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { arch } from 'node:os';
import { basename } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

export interface TestEntry {
  readonly name: string;
  readonly type?: 'file' | 'directory' | 'symlink' | 'link';
  readonly content?: string | Buffer;
  readonly linkname?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly pax?: Readonly<Record<string, string>>;
}

export interface TestImageOptions {
  readonly layers: readonly (readonly TestEntry[])[];
  readonly config?: Readonly<Record<string, unknown>>;
  readonly tag?: string;
}

const programs = [
  'sh',
  'sleep',
  'cat',
  'ls',
  'ln',
  'id',
  'stty',
  'head',
  'dd',
  'true',
  'false',
  'env',
  'touch',
  'mkdir',
  'tail',
  'socat',
  'tar',
];

/** Entries of a root in which a shell and a few programs run. */
export function toolsLayer(): TestEntry[] {
  const entries = new Map<string, TestEntry>();
  const directory = (name: string, mode = 0o755): void => {
    entries.set(name, { name, type: 'directory', mode });
  };
  for (const name of ['bin', 'etc', 'proc', 'sys', 'dev', 'root', 'run', 'var']) directory(name);
  directory('tmp', 0o1777);
  for (const program of programs) {
    const path = realpathSync(execFileSync('which', [program], { encoding: 'utf8' }).trim());
    entries.set(`bin/${program}`, { name: `bin/${program}`, content: readFileSync(path), mode: 0o755 });
    for (const library of librariesOf(path)) {
      const parts = library.slice(1).split('/');
      for (let depth = 1; depth < parts.length; depth += 1) directory(parts.slice(0, depth).join('/'));
      entries.set(library, { name: library.slice(1), content: readFileSync(library), mode: 0o755 });
    }
  }
  const passwd = 'root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001:web:/:/bin/sh\n';
  entries.set('etc/passwd', { name: 'etc/passwd', content: passwd });
  entries.set('etc/group', { name: 'etc/group', content: 'root:x:0:\nweb:x:1001:\nextra:x:1500:web\n' });
  return [...entries.values()];
}

/** Writes an OCI layout with one image into `layoutDir`. Gives the digest of its config, which is the image's id. */
export async function writeTestImage(layoutDir: string, options: TestImageOptions): Promise<string> {
  mkdirSync(`${layoutDir}/blobs/sha256`, { recursive: true });
  const layers = await Promise.all(
    options.layers.map(async (entries) => {
      const tar = await tarOf(entries);
      const blob = gzipSync(tar, { level: 1 });
      return { diffId: digestOf(tar), digest: writeBlob(layoutDir, blob), size: blob.length };
    }),
  );
  const architecture = arch() === 'x64' ? 'amd64' : arch();
  const config = Buffer.from(
    JSON.stringify({
      architecture,
      os: 'linux',
      config: { Cmd: ['/bin/sh'], Env: ['PATH=/bin'], ...options.config },
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: descriptor(
        'application/vnd.oci.image.config.v1+json',
        writeBlob(layoutDir, config),
        config.length,
      ),
      layers: layers.map((layer) =>
        descriptor('application/vnd.oci.image.layer.v1.tar+gzip', layer.digest, layer.size),
      ),
    }),
  );
  const entry = {
    ...descriptor(
      'application/vnd.oci.image.manifest.v1+json',
      writeBlob(layoutDir, manifest),
      manifest.length,
    ),
    annotations: { 'org.opencontainers.image.ref.name': options.tag ?? 'latest' },
  };
  writeFileSync(`${layoutDir}/oci-layout`, JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  writeFileSync(`${layoutDir}/index.json`, JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  return digestOf(config);
}

function librariesOf(program: string): string[] {
  const listing = execFileSync('ldd', [program], { encoding: 'utf8' });
  return [...listing.matchAll(/(\/\S+) \(0x/g)]
    .map((match) => match[1] ?? '')
    .filter((path) => basename(path) !== '');
}

async function tarOf(entries: readonly TestEntry[]): Promise<Buffer> {
  const tar = pack();
  for (const { content, ...header } of entries) {
    const size = content === undefined ? 0 : Buffer.byteLength(content);
    tar.entry(
      { type: 'file', mode: 0o644, mtime: new Date(1_700_000_000_000), ...header, size },
      content ?? '',
    );
  }
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function descriptor(mediaType: string, digest: string, size: number): object {
  return { mediaType, digest, size };
}

function writeBlob(layoutDir: string, bytes: Buffer): string {
  const digest = digestOf(bytes);
  writeFileSync(`${layoutDir}/blobs/sha256/${digest.slice('sha256:'.length)}`, bytes);
  return digest;
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
