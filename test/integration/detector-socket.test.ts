/** The detector's socket: few datagrams, thousands a second, and none lost between the two ways of reading. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { UdpBeatSource } from '../../controllers/detector/beat-source.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';

const everyMs = 5;
const maxBurst = 50;
const stopping = { controller: new AbortController() };
let heard: string[] = [];
/** What the source waits for between two readings; nothing while datagrams are events. */
let waits: number[] = [];
let source: UdpBeatSource;
let running: Promise<void>;
let guard: Socket;
let port: number;
let sent = 0;

const clock: Clock = {
  ...systemClock,
  setTimer: (delayMs, run) => {
    waits.push(delayMs);
    return systemClock.setTimer(delayMs, run);
  },
};

/** Sends so many in a second, each with its number. */
async function sendFor(durationMs: number, perSecond: number): Promise<void> {
  const startMs = performance.now();
  const before = sent;
  for (let passedMs = 0; passedMs < durationMs; passedMs = performance.now() - startMs) {
    const due = before + Math.floor((passedMs * perSecond) / 1_000);
    // However long this process stood still: a socket may hold some hundred only.
    for (let burst = 0; sent < due && burst < maxBurst; burst += 1, sent += 1)
      guard.send(String(sent), port, '127.0.0.1');
    await new Promise((resolve) => systemClock.setTimer(everyMs, () => resolve(undefined)));
  }
}

beforeEach(async () => {
  [heard, waits, sent] = [[], [], 0];
  port = await freePort();
  stopping.controller = new AbortController();
  source = new UdpBeatSource({ address: '127.0.0.1', port, clock, logger: silentLogger });
  running = source.run((datagram) => void heard.push(datagram.toString()), stopping.controller.signal);
  guard = createSocket('udp4').bind(0, '127.0.0.1');
  await once(guard, 'listening');
});

afterEach(async () => {
  stopping.controller.abort();
  await running;
  guard.close();
});

const all = (): string[] => Array.from({ length: sent }, (_, number) => String(number));

test('thousands a second are read together, few are not, and all are heard in their order', async () => {
  await sendFor(200, 500);
  await eventually(() => expect(heard).toEqual(all()));
  expect(waits).toEqual([]);
  await eventually(async () => {
    await sendFor(500, 6_000);
    expect(waits).not.toEqual([]);
  });
  await sendFor(500, 6_000);
  await eventually(() => expect(heard).toEqual(all()));
  // It is asked for anew until it has seen that they come seldom.
  await eventually(async () => {
    await sendFor(300, 100);
    waits = [];
    await sendFor(100, 100);
    expect(waits).toEqual([]);
  });
  await eventually(() => expect(heard).toEqual(all()));
});

test('all that has arrived is read at once before a judgement, and what is too long is cut', async () => {
  for (; sent < 300; sent += 1) guard.send(String(sent), port, '127.0.0.1');
  guard.send('x'.repeat(1_000), port, '127.0.0.1');
  guard.send('', port, '127.0.0.1');
  await new Promise((resolve) => guard.send(String(sent), port, '127.0.0.1', resolve));
  expect(source.readAll()).toBe(true);
  expect(heard).toEqual([...all(), 'x'.repeat(64), '', '300']);
});

test('an answer comes from where beats are sent to', async () => {
  const answered = once(guard, 'message');
  source.send(Buffer.from('answer'), guard.address());
  const [datagram, from] = await answered;
  expect([String(datagram), from.port]).toEqual(['answer', port]);
});
