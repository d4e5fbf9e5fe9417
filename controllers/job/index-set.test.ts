import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IndexSet } from './index-set.ts';

const indexes = fc.array(fc.nat({ max: 40 }), { maxLength: 30 });

describe('IndexSet', () => {
  it.each([
    [[], ''],
    [[3], '3'],
    [[1, 2], '1,2'],
    [[1, 3, 4, 5, 7], '1,3-5,7'],
  ])('writes %j as %j', (list, text) => {
    expect(IndexSet.of(list).toString()).toBe(text);
  });

  it('leaves out what is no interval and what is beyond its limit', () => {
    expect(IndexSet.parse('1,x,3-9,12', 6).toString()).toBe('1,3-5');
  });

  it('behaves as a set', () => {
    fc.assert(
      fc.property(indexes, indexes, fc.nat({ max: 10 }), (left, right, count) => {
        const set = IndexSet.of(left).union(IndexSet.of(right));
        const model = new Set([...left, ...right]);
        expect(set.size).toBe(model.size);
        for (let index = 0; index <= 41; index += 1) expect(set.has(index)).toBe(model.has(index));
        expect(IndexSet.parse(set.toString(), 41).toString()).toBe(set.toString());
        const common = new Set(left.filter((index) => right.includes(index)));
        expect(IndexSet.of(left).overlap(IndexSet.of(right))).toBe(common.size);
        const missing = Array.from({ length: 30 }, (_, i) => i).filter((index) => !model.has(index));
        expect(set.firstMissing(count, 30)).toEqual(missing.slice(0, count));
      }),
    );
  });
});
