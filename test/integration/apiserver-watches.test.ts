import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClosableApiClient } from '../../client/http-client.ts';
import { ApiServerProcess } from '../support/api-server-process.ts';
import { eventually } from '../support/eventually.ts';

const path = '/api/v1/namespaces/default/configmaps';
const maps = 40;
const connections = 20;
const perConnection = 100;

let server: ApiServerProcess;
let client: ClosableApiClient;
const sessions: ClientHttp2Session[] = [];

function openSession(): ClientHttp2Session {
  const file = (name: string): Buffer => readFileSync(join(server.directory, 'pki', name));
  const tls = { ca: file('ca.crt'), cert: file('admin.crt'), key: file('admin.key') };
  const session = connect(`https://127.0.0.1:${server.port}`, tls);
  session.on('error', () => undefined);
  sessions.push(session);
  return session;
}

/** What one watch is told. */
class WatchText {
  text = '';
  status = 0;
  ended = false;
  readonly #stream;

  constructor(session: ClientHttp2Session, target: string) {
    this.#stream = session.request({ ':path': target });
    this.#stream.on('error', () => undefined);
    this.#stream.on('response', (headers) => {
      this.status = Number(headers[':status']);
    });
    this.#stream.on('data', (chunk: Buffer) => {
      this.text += chunk.toString();
    });
    this.#stream.on('close', () => {
      this.ended = true;
    });
  }

  pause(): void {
    this.#stream.pause();
  }

  get types(): string[] {
    return this.text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line).type]));
  }
}

async function create(name: string, value = ''): Promise<void> {
  const body = Buffer.from(JSON.stringify({ metadata: { name }, data: { value } }));
  const headers = { 'content-type': 'application/json' };
  const { status } = await client.request({ method: 'POST', path, headers, body });
  expect(status).toBe(201);
}

beforeAll(async () => {
  server = await ApiServerProcess.start();
  client = await server.client();
  for (let index = 0; index < maps; index += 1) await create(`map-${index}`);
});

afterAll(async () => {
  for (const session of sessions) session.destroy();
  await server.stop();
});

describe('watches of many', () => {
  it('that come at once each get the state, and leave room for others meanwhile', async () => {
    const target = `${path}?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan`;
    const watches: WatchText[] = [];
    for (let at = 0; at < connections; at += 1) {
      const session = openSession();
      for (let nth = 0; nth < perConnection; nth += 1) watches.push(new WatchText(session, target));
    }
    const isUpToDate = ({ text }: WatchText): boolean => text.includes('initial-events-end');
    let answeredMeanwhile = 0;
    while (!watches.every(isUpToDate)) {
      const { status } = await client.request({ method: 'GET', path: `${path}/map-1` });
      expect(status).toBe(200);
      if (watches.some((each) => !isUpToDate(each))) answeredMeanwhile += 1;
    }
    // Were all of them begun in one go, a read would wait for the last.
    expect(answeredMeanwhile).toBeGreaterThan(5);
    const expected = [...Array.from({ length: maps }, () => 'ADDED'), 'BOOKMARK'];
    for (const watch of watches) expect(watch.types).toEqual(expected);

    await create('later');
    await eventually(() => {
      for (const watch of watches) expect(watch.types).toHaveLength(maps + 2);
    });
    for (const session of sessions.splice(0)) session.destroy();
  });

  it('are refused what others are refused, over a bare stream as well', async () => {
    const session = openSession();
    const missing = new WatchText(session, '/api/v1/nothings?watch=true');
    const malformed = new WatchText(session, `${path}?watch=true&fieldSelector=spec.none%3Dx`);
    const old = new WatchText(session, `${path}?watch=true&resourceVersion=127`);
    await eventually(() => {
      expect([missing.ended, malformed.ended]).toEqual([true, true]);
      expect([missing.status, malformed.status]).toEqual([404, 400]);
      expect(JSON.parse(missing.text).kind).toBe('Status');
    });
    await eventually(() => {
      expect(old.status).toBe(200);
      expect(old.types.length).toBeGreaterThan(0);
    });
  });

  it('are ended when they do not read, while others get everything', async () => {
    const others = Array.from({ length: 5 }, () => new WatchText(openSession(), `${path}?watch=true`));
    const slow = new WatchText(openSession(), `${path}?watch=true`);
    await eventually(() => {
      for (const watch of [...others, slow]) expect(watch.status).toBe(200);
    });
    slow.pause();
    const value = 'x'.repeat(200_000);
    for (let index = 0; index < 60; index += 1) await create(`large-${index}`, value);
    await eventually(() => {
      expect(slow.ended).toBe(true);
      for (const watch of others)
        expect(watch.types.filter((type) => type === 'ADDED').length).toBeGreaterThan(60);
    });
    expect(others.some(({ ended }) => ended)).toBe(false);
  });
});
