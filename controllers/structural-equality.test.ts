import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, isSame } from './structural-equality.ts';

const field = fc.constantFrom('labels', 'emptyDir', 'name', 'items');
const value = fc.letrec((tie) => ({
  leaf: fc.constantFrom(0, 1, '', 'a', true, null, undefined),
  list: fc.array(tie('any'), { maxLength: 2 }),
  object: fc.dictionary(field, tie('any'), { maxKeys: 3 }),
  any: fc.oneof({ depthSize: 'small' }, tie('leaf'), tie('list'), tie('object')),
})).any;

describe('isSame', () => {
  it('means the same as equal text', () => {
    fc.assert(
      fc.property(value, value, (left, right) => {
        expect(isSame(left, right)).toBe(canonicalJson(left) === canonicalJson(right));
        expect(isSame(left, structuredClone(left))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    [{ labels: {} }, {}, true],
    [{ emptyDir: {} }, {}, false],
    [{ items: [] }, { items: null }, true],
    [{ items: [{ name: 'a' }] }, { items: [{ name: 'b' }] }, false],
    [{ name: 'a' }, { name: 'a', items: [1] }, false],
    [undefined, null, false],
  ])('of %j and %j is %j', (left, right, same) => {
    expect(isSame(left, right)).toBe(same);
    expect(isSame(right, left)).toBe(same);
  });
});
