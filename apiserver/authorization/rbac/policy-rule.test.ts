import fc from 'fast-check';
import { expect, test } from 'vitest';
import { everything } from '../../../api/selector.ts';
import type { Attributes } from '../authorizer.ts';
import { CompiledRules } from './compiled-rules.ts';
import { compactRules, describeRule, missingRules, type Rule, ruleAllows } from './policy-rule.ts';

const asked = (change: Partial<Attributes>): Attributes => ({
  user: { name: 'u', uid: '', groups: [], extra: {} },
  ...{ verb: 'get', isResource: true, group: '', version: 'v1', resource: 'pods', subresource: '' },
  ...{ namespace: 'n', name: '', path: '', fields: everything },
  ...change,
});
const pods: Rule = { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] };

test.each([
  ['its resource', pods, {}, true],
  ['another verb', pods, { verb: 'delete' }, false],
  ['another group', pods, { group: 'apps' }, false],
  ['a subresource that it does not name', pods, { subresource: 'log' }, false],
  ['any subresource by *', { ...pods, resources: ['*'] }, { subresource: 'log' }, true],
  ['a subresource of any resource', { ...pods, resources: ['*/scale'] }, { subresource: 'scale' }, true],
  ['the resource by a rule for its subresources', { ...pods, resources: ['*/scale'] }, {}, false],
  ['its name', { ...pods, resourceNames: ['a'] }, { name: 'a' }, true],
  ['another name', { ...pods, resourceNames: ['a'] }, { name: 'b' }, false],
  ['no name, as in a list', { ...pods, resourceNames: ['a'] }, { verb: 'list' }, false],
  ['a path by a resource rule', pods, { isResource: false, path: '/pods' }, false],
] as const)('a rule is asked for %s', (_what, rule, change, answer) => {
  expect(ruleAllows(rule as Rule, asked(change))).toBe(answer);
});

test.each([
  ['/healthz', '/healthz', true],
  ['/healthz', '/healthz/etcd', false],
  ['/apis/*', '/apis/apps/v1', true],
  ['/apis/*', '/apis', false],
  ['*', '/metrics', true],
])('the path %s is asked for %s', (url, path, answer) => {
  const rule = { verbs: ['get'], nonResourceURLs: [url] };
  expect(ruleAllows(rule, asked({ isResource: false, path }))).toBe(answer);
});

const word = (...values: string[]): fc.Arbitrary<string[]> =>
  fc.subarray(values, { minLength: 1, maxLength: 2 });
const aRule: fc.Arbitrary<Rule> = fc.record({
  verbs: word('get', 'list', '*'),
  apiGroups: word('', 'apps', '*'),
  resources: word('pods', 'pods/log', '*/log', '*', 'jobs'),
  resourceNames: fc.subarray(['a', 'b'], { maxLength: 2 }),
});
const aQuestion = fc
  .record({
    verb: fc.constantFrom('get', 'list', 'delete'),
    group: fc.constantFrom('', 'apps', 'batch'),
    resource: fc.constantFrom('pods', 'jobs'),
    subresource: fc.constantFrom('', 'log'),
    name: fc.constantFrom('', 'a', 'c'),
  })
  .map(asked);

test('compiled rules allow exactly what one of the rules allows', () => {
  fc.assert(
    fc.property(fc.array(aRule, { maxLength: 6 }), aQuestion, (rules, question) => {
      const plain = rules.some((rule) => ruleAllows(rule, question));
      expect(new CompiledRules(rules).allows(question)).toBe(plain);
    }),
  );
});

test('who holds what is wanted may do all that it allows', () => {
  fc.assert(
    fc.property(fc.array(aRule), fc.array(aRule, { maxLength: 3 }), aQuestion, (held, wanted, question) => {
      const lacks = missingRules(held, wanted).length > 0;
      const more =
        wanted.some((rule) => ruleAllows(rule, question)) && !held.some((rule) => ruleAllows(rule, question));
      expect(more && !lacks).toBe(false);
    }),
  );
});

test('what is missing is told as Kubernetes tells it', () => {
  const missing = missingRules(
    [{ ...pods, verbs: ['list'] }],
    [{ ...pods, verbs: ['get', 'list', 'watch'] }],
  );
  expect(compactRules(missing).map(describeRule)).toEqual([
    '{APIGroups:[""], Resources:["pods"], Verbs:["get" "watch"]}',
  ]);
});
