import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { createImageService, type NodeImages } from '../../node-agent/image/image-service.ts';
import { writeTestImage } from '../support/test-image.ts';

/** A registry of one layout over plain HTTP: `open/web:latest` for all, `closed/web` for one user. */
describe('pulling from a registry', () => {
  const basic = `Basic ${Buffer.from('me:secret').toString('base64')}`;
  let directory: string;
  let server: Server;
  let host: string;
  let id: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'creg-'));
    id = await writeTestImage(`${directory}/layout`, { layers: [[{ name: 'a', content: 'x' }]] });
    server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterAll(async () => {
    await new Promise((resolve) => server.close(resolve));
    rmSync(directory, { recursive: true, force: true });
  });

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    const needsUser = !path.includes('/open/') && request.headers.authorization !== basic;
    // The challenge is asked for at the root; what is open is then read without an answer to it.
    if (needsUser) {
      response
        .writeHead(401, { 'www-authenticate': 'Basic realm="test"' })
        .end('{"errors":[{"code":"UNAUTHORIZED"}]}');
      return;
    }
    if (path === '/v2/') {
      response.writeHead(200).end('{}');
      return;
    }
    const manifest = JSON.parse(readFileSync(`${directory}/layout/index.json`, 'utf8')).manifests[0];
    const [, kind, name = ''] = /\/(manifests|blobs)\/([^/]+)$/.exec(path) ?? [];
    const digest = name === 'latest' ? manifest.digest : name;
    if (!digest.startsWith('sha256:')) {
      const unknown = '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}';
      response.writeHead(404, { 'content-type': 'application/json' }).end(unknown);
      return;
    }
    const type = kind === 'manifests' ? manifest.mediaType : 'application/octet-stream';
    const bytes = readFileSync(`${directory}/layout/blobs/sha256/${digest.slice(7)}`);
    const headers = { 'content-type': type, 'content-length': bytes.length, 'docker-content-digest': digest };
    response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : bytes);
  }

  function service(insecureRegistries: readonly string[]): Promise<NodeImages> {
    return createImageService({
      rootDir: mkdtempSync(join(directory, 'root-')),
      localDirs: [],
      layerStores: [],
      insecureRegistries,
      clock: systemClock,
      logger: silentLogger,
    });
  }

  it('brings the image onto the node, with its tag and digest', async () => {
    const images = await service([host]);
    expect(await images.pullImage(`${host}/open/web`)).toBe(id);
    const info = await images.imageStatus(`${host}/open/web:latest`);
    expect(info?.repoDigests[0]).toMatch(new RegExp(`^${host}/open/web@sha256:[0-9a-f]{64}$`));
    const [layer = ''] = (await images.runnableImage(id)).layerDirs;
    expect(readFileSync(`${layer}/a`, 'utf8')).toBe('x');
  });

  it('speaks plain HTTP only where it is told to', async () => {
    await expect((await service([])).pullImage(`${host}/open/web`)).rejects.toMatchObject({
      code: 'IMAGE_PULL',
    });
  });

  it('says when an image does not exist', async () => {
    const pull = (await service([host])).pullImage(`${host}/open/web:nope`);
    await expect(pull).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });

  it('shows credentials, and says when they are missing', async () => {
    const images = await service([host]);
    const closed = `${host}/closed/web`;
    await expect(images.pullImage(closed)).rejects.toMatchObject({ code: 'IMAGE_UNAUTHORIZED' });
    expect(await images.pullImage(closed, { username: 'me', password: 'secret' })).toBe(id);
  });
});
