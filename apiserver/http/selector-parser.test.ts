import { expect, test } from 'vitest';
import { matchesSelector } from '../../api/selector.ts';
import { parseFieldSelector, selectedName } from './field-selector.ts';
import { parseLabelSelector } from './selector-parser.ts';

const web = { env: 'prod', tier: 'web' };

test.each([
  ['env=prod', true],
  ['env==prod,tier=web', true],
  ['env!=prod', false],
  ['env in (prod, dev)', true],
  ['env notin (prod)', false],
  ['tier', true],
  ['!tier', false],
  ['!absent', true],
  ['env=', false],
  ['in=yes', false],
  ['', true],
])('selects by %s', (source, expected) => {
  expect(matchesSelector(parseLabelSelector(source), web)).toBe(expected);
});

test.each([
  ['!!', "unable to parse requirement: found '!', expected: identifier"],
  ['a in b', "unable to parse requirement: found 'b' expected: '('"],
  ['env=prod,', "found '', expected: identifier after ','"],
  ['a=b=c', "found '=', expected: ',' or 'end of string'"],
])('refuses %s in the words of Kubernetes', (source, message) => {
  expect(() => parseLabelSelector(source)).toThrow(message);
});

test('a field selector knows escapes and pins a name', () => {
  const selector = parseFieldSelector('metadata.name=a,status.phase!=Running,x=a\\,b');
  expect(selectedName(selector)).toBe('a');
  expect(selector[1]).toEqual({ key: 'status.phase', operator: 'notIn', values: ['Running'] });
  expect(selector[2]?.values).toEqual(['a,b']);
  expect(() => parseFieldSelector('metadata.name')).toThrow('invalid selector');
});
