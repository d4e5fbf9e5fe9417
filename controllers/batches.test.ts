import { describe, expect, it } from 'vitest';
import { runBounded, runInGrowingBatches } from './batches.ts';

describe('runInGrowingBatches', () => {
  it('doubles what it has in flight', async () => {
    const sizes: number[] = [];
    let inFlight = 0;
    await runInGrowingBatches(12, async () => {
      inFlight += 1;
      await Promise.resolve();
      sizes.push(inFlight);
      await Promise.resolve();
      inFlight -= 1;
    });
    expect(Math.max(...sizes)).toBe(5);
    expect(sizes[0]).toBe(1);
  });

  it('tries one when nothing works', async () => {
    let tried = 0;
    const result = await runInGrowingBatches(100, async () => {
      tried += 1;
      throw new Error('quota');
    });
    expect(tried).toBe(1);
    expect(result).toMatchObject({ succeeded: 0, skipped: 99 });
  });
});

describe('runBounded', () => {
  it('runs all, so many at a time, and throws the first failure after all', async () => {
    let [running, most, done] = [0, 0, 0];
    const work = runBounded(
      [1, 2, 3, 4, 5],
      async (item) => {
        running += 1;
        most = Math.max(most, running);
        await Promise.resolve();
        running -= 1;
        done += 1;
        if (item === 2) throw new Error('two');
      },
      2,
    );
    await expect(work).rejects.toThrow('two');
    expect([most, done]).toEqual([2, 5]);
  });
});
