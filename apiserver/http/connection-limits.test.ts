import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import {
  ConnectionLimits,
  handshakeMs,
  maxConnections,
  maxConnectionsPerAddress,
} from './connection-limits.ts';

let ports = 0;
function aSocket(remoteAddress: string): Socket {
  const socket = new Socket();
  ports += 1;
  Object.defineProperties(socket, { remoteAddress: { value: remoteAddress }, remotePort: { value: ports } });
  return socket;
}

async function end(socket: Socket): Promise<void> {
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.destroy();
  await closed;
}

test('one address has so many connections and no more; the others have what is left, and no more', async () => {
  const limits = new ConnectionLimits(new ManualClock());
  const mine = Array.from({ length: maxConnectionsPerAddress }, () => aSocket('10.0.0.1'));
  expect(mine.every((socket) => limits.enter(socket))).toBe(true);
  const refused = aSocket('10.0.0.1');
  expect(limits.enter(refused)).toBe(false);
  expect(refused.destroyed).toBe(true);
  expect(limits.enter(aSocket('10.0.0.2'))).toBe(true);
  await end(mine[0] as Socket);
  expect(limits.enter(aSocket('10.0.0.1'))).toBe(true);
  expect(limits.enter(aSocket('10.0.0.1'))).toBe(false);
  const left = maxConnections - maxConnectionsPerAddress - 1;
  for (let at = 0; at < left; at += 1) limits.enter(aSocket(`10.1.${at >> 8}.${at & 255}`));
  expect(limits.enter(aSocket('10.0.0.3'))).toBe(false);
});

test('a handshake that does not end is cut off; one that has ended is not', async () => {
  const clock = new ManualClock();
  const limits = new ConnectionLimits(clock);
  const [slow, quick] = [aSocket('10.0.0.1'), aSocket('10.0.0.1')];
  limits.enter(slow);
  limits.enter(quick);
  limits.secured(quick);
  await clock.advance(handshakeMs);
  expect([slow.destroyed, quick.destroyed]).toEqual([true, false]);
});
