import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { createImageService, type NodeImages } from '../../node-agent/image/image-service.ts';
import { unpackImageLayers } from '../../node-agent/image/unpack.ts';
import { type TestEntry, writeTestImage } from '../support/test-image.ts';

describe('the image store', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cim-'));
  });

  afterEach(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  function service(layerStores: readonly string[] = []): Promise<NodeImages> {
    return createImageService({
      rootDir: `${directory}/root`,
      localDirs: [`${directory}/img`],
      layerStores,
      insecureRegistries: ['127.0.0.1:1'],
      clock: systemClock,
      logger: silentLogger,
    });
  }

  function anImage(name: string, ...layers: TestEntry[][]): Promise<string> {
    return writeTestImage(`${directory}/img/${name}`, { layers, config: { User: '7', Entrypoint: ['/a'] } });
  }

  async function layersOf(images: NodeImages, name: string): Promise<readonly string[]> {
    return (await images.runnableImage(await images.pullImage(name))).layerDirs;
  }

  it('brings an image in from a local layout and finds it by each of its names', async () => {
    const id = await anImage('web', [{ name: 'a', content: 'x' }]);
    const images = await service();
    expect(await images.imageStatus('web')).toBeUndefined();
    expect(await images.pullImage('web')).toBe(id);
    for (const name of ['web', 'web:latest', 'docker.io/library/web', id]) {
      expect(await images.imageStatus(name)).toMatchObject({
        id,
        user: '7',
        repoTags: ['docker.io/library/web:latest'],
      });
    }
    expect((await images.runnableImage(id)).config.entrypoint).toEqual(['/a']);
    expect(await (await service()).listImages()).toHaveLength(1);
  });

  it('pulls one image by several names at once', async () => {
    const id = await anImage('web', [{ name: 'a', content: 'x' }]);
    const images = await service();
    const names = [
      'web',
      'web:latest',
      'docker.io/library/web',
      'docker.io/library/web:latest',
      'library/web',
    ];
    expect(await Promise.all(names.map((name) => images.pullImage(name)))).toEqual(names.map(() => id));
    expect((await (await service()).listImages()).map((image) => image.id)).toEqual([id]);
  });

  it('keeps modes, owners, times, links and attributes', async () => {
    const entries: TestEntry[] = [
      { name: 'd', type: 'directory', mode: 0o1777 },
      {
        name: 'd/file',
        content: 'hello',
        mode: 0o4755,
        uid: 3,
        gid: 4,
        pax: { 'SCHILY.xattr.user.note': 'kept' },
      },
      { name: 'd/hard', type: 'link', linkname: 'd/file' },
      { name: 'soft', type: 'symlink', linkname: '/d/file' },
    ];
    await anImage('kept', entries);
    const [layer = ''] = await layersOf(await service(), 'kept');
    const file = statSync(`${layer}/d/file`);
    expect([file.mode & 0o7777, file.uid, file.gid, file.mtimeMs, file.nlink]).toEqual([
      0o4755, 3, 4, 1.7e12, 2,
    ]);
    expect([statSync(`${layer}/d`).mode & 0o7777, statSync(`${layer}/d`).mtimeMs]).toEqual([0o1777, 1.7e12]);
    expect(lstatSync(`${layer}/soft`).isSymbolicLink()).toBe(true);
    const note = execFileSync('getfattr', [
      '--only-values',
      '-n',
      'user.note',
      '--absolute-names',
      `${layer}/d/file`,
    ]);
    expect(String(note)).toBe('kept');
  });

  it('turns whiteouts and opaque directories into their overlayfs forms', async () => {
    await anImage(
      'deleted',
      [{ name: 'gone', content: 'x' }],
      [{ name: '.wh.gone' }, { name: 'fresh', type: 'directory' }, { name: 'fresh/.wh..wh..opq' }],
    );
    const [top = ''] = await layersOf(await service(), 'deleted');
    expect(lstatSync(`${top}/gone`).isCharacterDevice()).toBe(true);
    expect(lstatSync(`${top}/gone`).rdev).toBe(0);
    const dump = execFileSync('getfattr', ['-d', '-m', 'trusted', '--absolute-names', `${top}/fresh`]);
    expect(String(dump)).toContain('trusted.overlay.opaque="y"');
  });

  it.each([
    ['a name with ..', [{ name: '../escape', content: 'x' }]],
    ['a hard link out of the layer', [{ name: 'link', type: 'link', linkname: '../../etc/passwd' }]],
    [
      'an entry below a file',
      [
        { name: 'file', content: 'x' },
        { name: 'file/inner', content: 'x' },
      ],
    ],
  ] as const)('refuses %s', async (_, entries) => {
    await anImage('bad', [...entries]);
    await expect((await service()).pullImage('bad')).rejects.toMatchObject({ code: 'IMAGE_PULL' });
    expect(existsSync(`${directory}/escape`)).toBe(false);
  });

  it('follows a symbolic link of the layer within the layer only', async () => {
    const outside = `${directory}/outside`;
    execFileSync('mkdir', [outside]);
    await anImage('sly', [
      { name: 'way', type: 'symlink', linkname: outside },
      { name: 'way/file', content: 'x' },
      { name: 'up', type: 'symlink', linkname: '../../../..' },
      { name: 'up/top', content: 'y' },
    ]);
    const [layer = ''] = await layersOf(await service(), 'sly');
    expect(existsSync(`${outside}/file`)).toBe(false);
    expect(readFileSync(`${layer}${outside}/file`, 'utf8')).toBe('x');
    expect(readFileSync(`${layer}/top`, 'utf8')).toBe('y');
  });

  it('refuses a layer whose content is not what the image names', async () => {
    await anImage('forged', [{ name: 'a', content: 'x' }]);
    const layout = `${directory}/img/forged`;
    const blobs = execFileSync('find', [`${layout}/blobs`, '-type', 'f'], { encoding: 'utf8' })
      .trim()
      .split('\n');
    const layer = blobs.find((path) => readFileSync(path)[0] === 0x1f) ?? '';
    writeFileSync(layer, Buffer.concat([readFileSync(layer), Buffer.from([0])]));
    await expect((await service()).pullImage('forged')).rejects.toMatchObject({ code: 'IMAGE_PULL' });
  });

  it('uses the layers of a store that somebody else has filled', async () => {
    await anImage('shared', [{ name: 'a', content: 'x' }]);
    await unpackImageLayers(`${directory}/img/shared`, `${directory}/store`);
    const [layer = ''] = await layersOf(await service([`${directory}/store`]), 'shared');
    expect(layer.startsWith(`${directory}/store/`)).toBe(true);
  });

  it('keeps a layer while an image has it, and removes it with the last', async () => {
    const base: TestEntry[] = [{ name: 'base', content: 'x' }];
    const one = await anImage('one', base, [{ name: '1', content: '1' }]);
    const two = await anImage('two', base, [{ name: '2', content: '2' }]);
    const images = await service();
    const [, shared = ''] = await layersOf(images, 'one');
    await images.pullImage('two');
    await images.removeImage(one);
    expect(existsSync(shared)).toBe(true);
    const policy = { highPercent: 0, lowPercent: 0, minAgeMs: 0, inUse: new Set([two]) };
    expect(await images.collectGarbage(policy)).toEqual([]);
    expect(await images.collectGarbage({ ...policy, inUse: new Set() })).toEqual([two]);
    expect(existsSync(shared)).toBe(false);
  });

  it('tells a name that is none from a registry that does not answer', async () => {
    const images = await service();
    await expect(images.pullImage('Not A Name')).rejects.toMatchObject({ code: 'IMAGE_INVALID_NAME' });
    await expect(images.pullImage('127.0.0.1:1/x')).rejects.toMatchObject({ code: 'IMAGE_PULL' });
  });

  it('reads archives of both kinds', async () => {
    await anImage('source', [{ name: 'a', content: 'x' }]);
    const from = `oci:${directory}/img/source:latest`;
    for (const [kind, name] of [
      ['oci-archive', 'one'],
      ['docker-archive', 'two'],
    ] as const) {
      const target = `${kind}:${directory}/img/${name}.tar:${kind === 'oci-archive' ? '' : `${name}:`}latest`;
      execFileSync('skopeo', ['--insecure-policy', 'copy', '-q', from, target]);
      const [layer = ''] = await layersOf(await service(), name);
      expect(readFileSync(`${layer}/a`, 'utf8')).toBe('x');
    }
  });
});
