import { describe, expect, it } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { ManualClock } from '../test/support/manual-clock.ts';
import { WorkQueue } from './work-queue.ts';

function aQueue(): { queue: WorkQueue<string>; clock: ManualClock } {
  const clock = new ManualClock();
  return { queue: new WorkQueue<string>({ clock, random: seededRandom(1) }), clock };
}

const { signal } = new AbortController();

describe('WorkQueue', () => {
  it('gives a key once, however often it is added', async () => {
    const { queue } = aQueue();
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
    expect(queue.length).toBe(2);
    expect([await queue.get(signal), await queue.get(signal)]).toEqual(['a', 'b']);
  });

  it('gives a key again that was added while in work, but only when done', async () => {
    const { queue } = aQueue();
    queue.add('a');
    await queue.get(signal);
    queue.add('a');
    queue.add('a');
    expect(queue.length).toBe(0);
    queue.done('a');
    expect(queue.length).toBe(1);
    await queue.get(signal);
    queue.done('a');
    expect(queue.length).toBe(0);
  });

  it('wakes every taker that has a key to take', async () => {
    const { queue } = aQueue();
    const taken = Promise.all([queue.get(signal), queue.get(signal)]);
    queue.add('a');
    queue.add('b');
    expect((await taken).sort()).toEqual(['a', 'b']);
  });

  it('ends a wait when the signal aborts', async () => {
    const { queue } = aQueue();
    const abort = new AbortController();
    const taken = queue.get(abort.signal);
    abort.abort();
    expect(await taken).toBeUndefined();
  });

  it('counts the earliest of several delays', async () => {
    const { queue, clock } = aQueue();
    queue.addAfter('a', 1_000);
    queue.addAfter('a', 100);
    queue.addAfter('a', 500);
    await clock.advance(99);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(queue.length).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('backs off further with each failure until the key is forgotten', async () => {
    const { queue, clock } = aQueue();
    const delays: number[] = [];
    for (let i = 0; i < 4; i += 1) {
      if (i === 3) queue.forget('a');
      const startMs = clock.monotonicMs();
      queue.addRateLimited('a');
      while (queue.length === 0) await clock.advance(1);
      delays.push(clock.monotonicMs() - startMs);
      await queue.get(signal);
      queue.done('a');
    }
    expect(delays).toEqual([6, 11, 22, 6]);
    expect(queue.retries('a')).toBe(1);
  });
});
