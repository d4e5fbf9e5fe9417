import { describe, expect, it } from 'vitest';
import { ManualClock } from '../test/support/manual-clock.ts';
import { Throttle } from './throttle.ts';

describe('Throttle', () => {
  function aThrottle(): { clock: ManualClock; ranAtMs: number[]; throttle: Throttle } {
    const clock = new ManualClock();
    const ranAtMs: number[] = [];
    const run = (): void => void ranAtMs.push(clock.monotonicMs());
    return { clock, ranAtMs, throttle: new Throttle({ clock, intervalMs: () => 10, run }) };
  }

  it('runs the first at once, and those of an interval together at its end', async () => {
    const { clock, ranAtMs, throttle } = aThrottle();
    throttle.request();
    await clock.advance(3);
    throttle.request();
    throttle.request();
    await clock.advance(50);
    throttle.request();
    expect(ranAtMs).toEqual([0, 10, 53]);
  });

  it('does not let a late request put off an earlier one, nor an early one wait for a late', async () => {
    const { clock, ranAtMs, throttle } = aThrottle();
    throttle.request(30);
    throttle.request(100);
    await clock.advance(40);
    throttle.request(100);
    throttle.request(5);
    await clock.advance(200);
    expect(ranAtMs).toEqual([30, 45]);
  });

  it('forgets what is cancelled', async () => {
    const { clock, ranAtMs, throttle } = aThrottle();
    throttle.request(5);
    throttle.cancel();
    await clock.advance(50);
    expect(ranAtMs).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });
});
