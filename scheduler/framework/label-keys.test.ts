import { expect, it } from 'vitest';
import { fromLabelSelector, type Selector } from '../../api/selector.ts';
import { withLabelKeys } from './affinity-term.ts';

const keys = { match: ['tier'], mismatch: ['tenant'] };
const labels = { tier: 'front', tenant: 'red' };
const user = { matchLabels: { app: 'x' } };
const expression = (key: string, operator: string, ...values: string[]) => ({ key, operator, values });
const written = { ...user, matchExpressions: [expression('tier', 'In', 'front')] };
const stored = {
  ...user,
  matchExpressions: [...written.matchExpressions, expression('tenant', 'NotIn', 'red')],
};
const narrowed = (source: Parameters<typeof fromLabelSelector>[0], own = labels): Selector | undefined =>
  withLabelKeys(fromLabelSelector(source), own, keys);

it('a selector that the API server has not narrowed yet is narrowed by the pod’s own labels, once', () => {
  expect(narrowed(user)).toEqual(fromLabelSelector(stored));
  expect(narrowed(written)).toEqual(fromLabelSelector(stored));
  expect(narrowed(stored)).toEqual(fromLabelSelector(stored));
});

it('what the API server has written stands when the pod’s label changes', () => {
  expect(narrowed(stored, { ...labels, tier: 'back' })).toEqual(fromLabelSelector(stored));
});

it('a user’s own requirement of a key of mismatchLabelKeys is kept beside the pod’s', () => {
  const own = {
    ...written,
    matchExpressions: [...written.matchExpressions, expression('tenant', 'NotIn', 'x')],
  };
  expect(narrowed(own)).toEqual([
    ...(fromLabelSelector(own) ?? []),
    { key: 'tenant', operator: 'notIn', values: ['red'] },
  ]);
});

it('a label that the pod does not have adds nothing, and no selector selects nothing', () => {
  expect(withLabelKeys(fromLabelSelector(user), {}, keys)).toEqual(fromLabelSelector(user));
  expect(withLabelKeys(undefined, labels, keys)).toBeUndefined();
});
