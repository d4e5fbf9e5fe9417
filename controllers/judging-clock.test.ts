import { describe, expect, it } from 'vitest';
import { ManualClock } from '../test/support/manual-clock.ts';
import { JudgingClock } from './judging-clock.ts';

describe('JudgingClock', () => {
  it('goes with the real one as long as it is asked in time', async () => {
    const clock = new ManualClock();
    const judging = new JudgingClock(clock, 50);
    for (const gapMs of [50, 60, 90, 50]) {
      await clock.advance(gapMs);
      expect(judging.tick()).toBe(0);
    }
    expect(judging.nowMs).toBe(250);
  });

  it('counts a pause of four seconds as one period', async () => {
    const clock = new ManualClock();
    const judging = new JudgingClock(clock, 50);
    await clock.advance(4_000);
    expect(judging.tick()).toBe(3_950);
    expect(judging.nowMs).toBe(50);
  });
});
