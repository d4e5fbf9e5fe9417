import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { PacedEnds } from './paced-ends.ts';

/** A connection whose other side says what the test tells it to. */
function aSocket(): { readonly socket: Duplex; readonly seen: string[] } {
  const socket = new Duplex({
    allowHalfOpen: false,
    read: () => undefined,
    write: (_chunk, _encoding, done) => done(),
  });
  return { socket, seen: [] };
}

describe('ends of connections', () => {
  it('come in turns of the event loop, each in its order, and nothing is left out', async () => {
    const clock = new ManualClock();
    const ends = new PacedEnds({ ...bound(clock), monotonicMs: slowly(3) });
    const order: string[] = [];
    for (let nth = 0; nth < 6; nth += 1) {
      const { socket } = aSocket();
      ends.pace(socket);
      socket.on('end', () => order.push(`end ${nth}`));
      socket.on('close', () => order.push(`close ${nth}`));
      socket.emit('end');
      socket.emit('close');
    }
    expect(order.length).toBeGreaterThan(0);
    expect(order.length).toBeLessThan(6);
    await clock.advance(0);
    expect(order).toEqual([0, 1, 2, 3, 4, 5].flatMap((nth) => [`end ${nth}`, `close ${nth}`]));
  });

  it('are answered by an end, as without turns', async () => {
    const clock = new ManualClock();
    const { socket, seen } = aSocket();
    new PacedEnds(clock).pace(socket);
    for (const event of ['data', 'end', 'finish', 'close']) socket.on(event, () => seen.push(event));
    socket.push('last words');
    socket.push(null);
    await clock.advance(0);
    await clock.advance(0);
    expect(seen).toEqual(['data', 'end', 'finish', 'close']);
  });

  it('are heard by those who listen meanwhile, and not by those who have left', () => {
    const clock = new ManualClock();
    const { socket, seen } = aSocket();
    new PacedEnds(clock).pace(socket);
    const left = (): number => seen.push('left');
    socket.on('close', left);
    socket.removeListener('close', left);
    socket.once('close', () => seen.push('stayed'));
    socket.emit('close');
    expect(seen).toEqual(['stayed']);
  });
});

const bound = (clock: ManualClock): Pick<ManualClock, 'nowMs' | 'setTimer' | 'setImmediate'> => ({
  nowMs: () => clock.nowMs(),
  setTimer: (...timer) => clock.setTimer(...timer),
  setImmediate: (run) => clock.setImmediate(run),
});

/** Each look at the clock is so much later. */
const slowly = (stepMs: number): (() => number) => {
  let nowMs = 0;
  return () => {
    nowMs += stepMs;
    return nowMs;
  };
};
