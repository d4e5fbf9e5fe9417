import { describe, expect, it } from 'vitest';
import { isMassSilence } from './mass-silence.ts';

describe('isMassSilence', () => {
  it.each([
    [1, 1, false],
    [1, 3, false],
    [2, 3, true],
    [2, 6, false],
    [3, 6, true],
    [1_666, 5_000, false],
    [1_667, 5_000, true],
  ])('of %i silent out of %i is %s', (silent, total, expected) => {
    expect(isMassSilence(silent, total)).toBe(expected);
  });
});
