import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { Rests } from './rests.ts';

function bench() {
  const clock = new ManualClock();
  const blocked: number[] = [];
  const rests = new Rests({ clock, block: (ms) => void blocked.push(ms) });
  return {
    ...{ rests, blocked },
    /** So many turns of the event loop with so many datagrams each, a millisecond apart. */
    async turns(count: number, datagrams: number): Promise<void> {
      for (let turn = 0; turn < count; turn += 1) {
        for (let nth = 0; nth < datagrams; nth += 1) rests.heard();
        await clock.advance(1);
      }
    },
  };
}

describe('Rests', () => {
  it('never stands still while datagrams come seldom', async () => {
    const { blocked, turns } = bench();
    await turns(3_000, 1);
    expect(blocked).toEqual([]);
  });

  it('stands still once a turn while they come often, and no longer when they come seldom again', async () => {
    const { blocked, turns } = bench();
    await turns(100, 10);
    blocked.length = 0;
    await turns(20, 10);
    expect(blocked).toEqual(Array.from({ length: 20 }, () => 4));
    await turns(1_000, 1);
    blocked.length = 0;
    await turns(100, 1);
    expect(blocked).toEqual([]);
  });

  it('reads on while the socket may hold more, and while somebody waits', async () => {
    const { rests, blocked, turns } = bench();
    await turns(100, 10);
    blocked.length = 0;
    await turns(5, 32);
    expect(blocked).toEqual([]);
    const done = rests.stayAwake();
    await turns(5, 10);
    expect(blocked).toEqual([]);
    done();
    await turns(1, 10);
    expect(blocked).toEqual([4]);
  });
});
