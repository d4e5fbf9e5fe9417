import { expect, it } from 'vitest';
import { Semaphore } from './semaphore.ts';

it('runs no more than its limit at a time, and of those that wait the lowest rank first', async () => {
  const semaphore = new Semaphore(2);
  const order: string[] = [];
  let running = 0;
  let most = 0;
  const task = (name: string, rank: number): Promise<void> =>
    semaphore.run(rank, async () => {
      order.push(name);
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      if (name === 'fails') throw new Error('no matter');
    });
  const all = [
    task('one', 2),
    task('fails', 2),
    task('late', 2),
    task('later', 2),
    task('middle', 1),
    task('first', 0),
  ];
  await Promise.allSettled(all);
  expect(order).toEqual(['one', 'fails', 'first', 'middle', 'late', 'later']);
  expect(most).toBe(2);
});
