import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from './clock.ts';

const dayMs = 24 * 3_600_000;

describe('the system clock', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('waits for longer than one timer of the platform can', () => {
    vi.useFakeTimers();
    const run = vi.fn();
    systemClock.setTimer(60 * dayMs, run);
    vi.advanceTimersByTime(59 * dayMs);
    expect(run).not.toHaveBeenCalled();
    vi.advanceTimersByTime(dayMs);
    expect(run).toHaveBeenCalledOnce();
  });

  it('cancels a long timer also after its first part', () => {
    vi.useFakeTimers();
    const run = vi.fn();
    const timer = systemClock.setTimer(60 * dayMs, run);
    vi.advanceTimersByTime(40 * dayMs);
    timer.cancel();
    vi.advanceTimersByTime(40 * dayMs);
    expect(run).not.toHaveBeenCalled();
  });
});
