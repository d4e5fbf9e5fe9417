import { expect, it } from 'vitest';
import { batchMs } from './triggers.ts';

it.each([
  [100, 0],
  [1_000, 20],
  [100_000, 200],
])('events of %d pods wait %d ms for others', (pods, delayMs) => {
  expect(batchMs(pods)).toBe(delayMs);
});
