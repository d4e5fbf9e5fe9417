/** How often a client asks whether its server is there: real sessions, and a clock that the test moves. */
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLogger } from '../../base/logger.ts';
import { seededRandom } from '../../base/random.ts';
import { type ClosableApiClient, createApiClient } from '../../client/http-client.ts';
import { eventually } from '../support/eventually.ts';
import { ManualClock } from '../support/manual-clock.ts';

let server: http2.Http2Server;
let clock: ManualClock;
let client: ClosableApiClient;
let pings: number;
/** Answers to requests for `/later`. */
let later: http2.ServerHttp2Stream[];

beforeEach(async () => {
  pings = 0;
  later = [];
  clock = new ManualClock();
  server = http2.createServer();
  server.on('session', (session) => session.on('ping', () => (pings += 1)));
  server.on('stream', (stream, headers) => {
    if (headers[':path'] === '/later') later.push(stream);
    else stream.respond({ ':status': 200 }, { endStream: true });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  client.close();
  await new Promise((resolve) => server.close(resolve));
});

async function connect(pingPeriodMs?: () => number): Promise<void> {
  const { port } = server.address() as AddressInfo;
  client = createApiClient({
    ...{ config: { server: `http://127.0.0.1:${port}` }, userAgent: 'test', pingPeriodMs },
    ...{ clock, logger: silentLogger, random: seededRandom(1) },
  });
  await client.request({ method: 'GET', path: '/now' });
}

/** Moves on by seconds; after each the server has had what was sent in it. @returns pings by second */
async function pingsIn(seconds: number): Promise<number[]> {
  const counted: number[] = [];
  for (let second = 0; second < seconds; second += 1) {
    const before = pings;
    await clock.advance(1_000);
    // Answered after a ping that was sent before it.
    await client.request({ method: 'GET', path: '/now' });
    counted.push(pings - before);
  }
  return counted;
}

it('each second, unless it is told otherwise', async () => {
  await connect();
  expect(await pingsIn(3)).toEqual([1, 1, 1]);
});

it('as often as it is told, and each second while something waits for an answer', async () => {
  let periodMs = 3_000;
  await connect(() => periodMs);
  expect(await pingsIn(7)).toEqual([1, 0, 0, 1, 0, 0, 1]);
  const answer = client.request({ method: 'GET', path: '/later' });
  await eventually(() => expect(later).toHaveLength(1));
  expect(await pingsIn(3)).toEqual([1, 1, 1]);
  later[0]?.respond({ ':status': 200 }, { endStream: true });
  await answer;
  expect(await pingsIn(4)).toEqual([0, 0, 1, 0]);
  periodMs = 1_000;
  expect(await pingsIn(2)).toEqual([1, 1]);
});
