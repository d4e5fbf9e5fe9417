import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { BeatPace } from './beat-pace.ts';

const megabyte = 1024 * 1024;

class Bench {
  readonly clock: ManualClock = new ManualClock();
  readonly pace: BeatPace;

  constructor(bufferBytes: number = 8 * megabyte) {
    this.pace = new BeatPace({ clock: this.clock, bufferBytes });
  }

  /** Lets a second pass in which so many datagrams come. */
  async second(datagrams: number): Promise<void> {
    for (let tenth = 0; tenth < 10; tenth += 1) {
      await this.clock.advance(100);
      this.pace.heard(datagrams / 10);
    }
  }
}

describe('BeatPace', () => {
  it('has datagrams read together when they come often, until they come seldom', async () => {
    const bench = new Bench();
    const often: boolean[] = [];
    for (const perSecond of [0, 1_900, 2_100, 1_100, 900, 1_900]) {
      await bench.second(perSecond);
      often.push(bench.pace.isOften);
    }
    expect(often).toEqual([false, false, true, true, false, false]);
  });

  it('lets no interval fill more than half the buffer, whatever its size', async () => {
    for (const bufferBytes of [212_992, 425_984, 8 * megabyte])
      for (const perSecond of [3_000, 10_000]) {
        const bench = new Bench(bufferBytes);
        await bench.second(perSecond);
        const bytes = (bench.pace.intervalMs(false) / 1_000) * perSecond * 4_352;
        expect(bytes).toBeLessThanOrEqual(bufferBytes / 2);
      }
  });

  it('reads every 25 ms where the buffer is large, and every 5 ms while somebody waits', async () => {
    const bench = new Bench();
    await bench.second(10_000);
    expect([bench.pace.intervalMs(false), bench.pace.intervalMs(true)]).toEqual([25, 5]);
  });
});
