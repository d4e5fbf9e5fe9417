import { expect, test } from 'vitest';
import { checkAccessReview } from './access-validation.ts';

const both =
  'spec.nonResourceAttributes: Invalid value: {"Path":"","Verb":""}: cannot be specified in combination with resourceAttributes';
const none =
  'spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified';
const nobody = 'spec.user: Invalid value: "": at least one of user or group must be specified';
const elsewhere = 'spec.resourceAttributes.namespace: Invalid value: "b": must match metadata.namespace';

test.each([
  ['nothing of one self', {}, { self: true, namespace: undefined }, none],
  ['nothing of nobody', {}, { self: false, namespace: undefined }, `[${none}, ${nobody}]`],
  [
    'two things',
    { user: 'u', resourceAttributes: {}, nonResourceAttributes: {} },
    { self: false, namespace: undefined },
    both,
  ],
  [
    'another namespace',
    { user: 'u', resourceAttributes: { namespace: 'b' } },
    { self: false, namespace: 'a' },
    elsewhere,
  ],
])('a review of %s is invalid', (_what, spec, scope, message) => {
  expect(() => checkAccessReview(spec, scope)).toThrow(
    expect.objectContaining({ code: 422, message: `.authorization.k8s.io "" is invalid: ${message}` }),
  );
});

test('a review of one thing is fine', () => {
  const spec = { groups: ['g'], resourceAttributes: { namespace: 'a' } };
  expect(() => checkAccessReview(spec, { self: false, namespace: 'a' })).not.toThrow();
});
