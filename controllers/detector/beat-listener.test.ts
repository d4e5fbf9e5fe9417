import { describe, expect, it } from 'vitest';
import { isNewer } from './beat-listener.ts';

describe('isNewer', () => {
  it.each([
    [5, undefined, true],
    [6, 5, true],
    [5, 5, false],
    [4, 5, false],
    [1, 0xffff_fffe, true],
    [0xffff_fffe, 1, false],
  ])('of %i after %s is %s', (sequence, last, expected) => {
    expect(isNewer(sequence, last)).toBe(expected);
  });
});
