import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { usageOf } from '../bench/measure/api-load.ts';
import { ApiServerProcess } from '../support/api-server-process.ts';
import { eventually } from '../support/eventually.ts';

const maps = 2_000;
const path = '/api/v1/namespaces/default/configmaps';
let server: ApiServerProcess;
let agent: Agent;

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

function open(
  target: string,
  options: { readonly headers?: Record<string, string>; readonly body?: object } = {},
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const method = options.body === undefined ? 'GET' : 'POST';
    const headers = { 'content-type': 'application/json', ...options.headers };
    const place = { agent, host: '127.0.0.1', port: server.port, path: target };
    const sent = request({ ...place, method, headers }, resolve);
    sent.once('error', reject);
    sent.end(options.body === undefined ? undefined : JSON.stringify(options.body));
  });
}

async function ask(...call: Parameters<typeof open>): Promise<Answer> {
  const response = await open(...call);
  const body = Buffer.concat(await response.toArray());
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

beforeAll(async () => {
  server = await ApiServerProcess.start();
  const file = (name: string): Buffer => readFileSync(join(server.directory, 'pki', name));
  agent = new Agent({ ca: file('ca.crt'), cert: file('admin.crt'), key: file('admin.key'), keepAlive: true });
  const create = async (index: number): Promise<void> => {
    const data = { filler: `${index} `.repeat(500), text: 'für "alle" €' };
    const { status } = await ask(path, { body: { metadata: { name: `map-${index}` }, data } });
    expect(status).toBe(201);
  };
  for (let at = 0; at < maps; at += 20)
    await Promise.all(Array.from({ length: 20 }, (_, i) => create(at + i)));
});

afterAll(async () => {
  agent.destroy();
  await server.stop();
});

interface ListBody {
  readonly items: readonly { readonly metadata: { readonly name: string }; readonly data: object }[];
}

describe('a long list', () => {
  it('says its length and consists of what single reads give', async () => {
    const { headers, body } = await ask(path);
    expect(Number(headers['content-length'])).toBe(body.length);
    const list: ListBody = JSON.parse(body.toString());
    expect(list.items).toHaveLength(maps);
    for (const item of list.items.slice(0, 20)) {
      const {
        kind: _kind,
        apiVersion: _version,
        ...rest
      } = JSON.parse((await ask(`${path}/${item.metadata.name}`)).body.toString());
      expect(item).toEqual(rest);
    }
  });

  it('is compressed for those who take that, once it is large', async () => {
    const plain = await ask(path);
    const accepts = { headers: { 'accept-encoding': 'deflate, gzip' } };
    const compressed = await ask(path, accepts);
    expect(compressed.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
    expect(compressed.body.length).toBeLessThan(plain.body.length / 5);
    expect(JSON.parse(gunzipSync(compressed.body).toString())).toEqual(JSON.parse(plain.body.toString()));
    const short = await ask(`${path}?limit=10`, accepts);
    expect(short.headers['content-encoding']).toBeUndefined();
    expect(JSON.parse(short.body.toString()).items).toHaveLength(10);
    const table = 'application/json;as=Table;g=meta.k8s.io;v=v1';
    const rows = await ask(path, { headers: { ...accepts.headers, accept: table } });
    expect(rows.headers['content-encoding']).toBe('gzip');
    expect(JSON.parse(gunzipSync(rows.body).toString()).rows).toHaveLength(maps);
  });

  it('is compressed for a single large object, but not with a quality', async () => {
    const data = { filler: 'x'.repeat(300_000) };
    await ask(path, { body: { metadata: { name: 'large' }, data } });
    const large = await ask(`${path}/large`, { headers: { 'accept-encoding': 'gzip' } });
    expect(large.headers['content-encoding']).toBe('gzip');
    expect(JSON.parse(gunzipSync(large.body).toString()).data).toEqual(data);
    const other = await ask(`${path}/large`, { headers: { 'accept-encoding': 'gzip;q=1' } });
    expect(other.headers['content-encoding']).toBeUndefined();
  });

  it('waits for a slow reader without gathering in memory, and lets others pass', async () => {
    const pid = server.pid() ?? 0;
    await Promise.all(Array.from({ length: 10 }, () => ask(path)));
    const before = usageOf(pid).residentMb;
    // Nobody reads: what the kernel takes is all that leaves.
    const slow = await Promise.all(Array.from({ length: 60 }, () => open(path)));
    await eventually(async () => {
      expect((await ask(`${path}/map-1`)).status).toBe(200);
    });
    expect(usageOf(pid).residentMb - before).toBeLessThan(80);
    const [first, ...others] = slow;
    for (const response of others) response.destroy();
    const body = Buffer.concat((await first?.toArray()) ?? []);
    expect(JSON.parse(body.toString()).items.length).toBeGreaterThanOrEqual(maps);
  });
});
