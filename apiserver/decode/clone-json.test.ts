import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cloneJson } from './clone-json.ts';

function objectsIn(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return [];
  return [value, ...Object.values(value).flatMap(objectsIn)];
}

it('a copy is equal, and shares no object with what was copied', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const copy = cloneJson(value);
      expect(JSON.stringify(copy)).toBe(JSON.stringify(value));
      const originals = new Set(objectsIn(value));
      expect(objectsIn(copy).filter((each) => originals.has(each))).toEqual([]);
    }),
  );
});

it('a field of the name of the prototype is a field', () => {
  const copy = cloneJson(JSON.parse('{"__proto__":{"a":1}}'));
  expect(JSON.stringify(copy)).toBe('{"__proto__":{"a":1}}');
  expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
});
