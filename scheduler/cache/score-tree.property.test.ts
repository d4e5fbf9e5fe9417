import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { infeasible } from '../framework/plugin.ts';
import { ScoreTree } from './score-tree.ts';

const mostExtra = 4;
const scores = fc.array(fc.option(fc.integer({ min: 0, max: 9 }), { nil: infeasible }), {
  minLength: 1,
  maxLength: 40,
});
const extras = fc.array(fc.integer({ min: 0, max: mostExtra }), { minLength: 40, maxLength: 40 });

function treeOf(values: readonly number[]): ScoreTree {
  const tree = new ScoreTree();
  for (const [slot, value] of values.entries()) tree.set(slot, value);
  return tree;
}

const highest = (values: readonly number[]): number => Math.max(infeasible, ...values);

describe('the best score with something on top', () => {
  it('is the highest sum', () => {
    fc.assert(
      fc.property(scores, extras, (values, extra) => {
        const extraOf = (slot: number): number => extra[slot] ?? 0;
        const best = treeOf(values).bestWith({ extraOf, mostExtra, limit: values.length });
        const sums = values.map((value, slot) => value + extraOf(slot));
        expect(typeof best === 'number' ? sums[best] : infeasible).toBe(highest(sums));
      }),
    );
  });

  it('is found after a look at one slot when that has all there is to get', () => {
    const tree = treeOf([3, 7, 5, 7]);
    expect(tree.bestWith({ extraOf: () => mostExtra, mostExtra, limit: 1 })).toBe(1);
  });

  it('is not found when too many slots would have to be looked at', () => {
    const tree = treeOf([1, 1, 1, 1]);
    expect(tree.bestWith({ extraOf: () => 0, mostExtra, limit: 3 })).toBe('too many');
    expect(tree.bestWith({ extraOf: () => 0, mostExtra, limit: 4 })).toBe(0);
  });

  it('is missed by a search that trusts a bound which is too low', () => {
    const tree = treeOf([9, 8]);
    const extraOf = (slot: number): number => (slot === 1 ? mostExtra : 0);
    expect(tree.bestWith({ extraOf, mostExtra: 0, limit: 2 })).toBe(0);
    expect(tree.bestWith({ extraOf, mostExtra, limit: 2 })).toBe(1);
  });
});
