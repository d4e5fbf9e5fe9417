import { expect, test } from 'vitest';
import type { BootstrapObject } from '../../bootstrap-objects.ts';
import { bootstrapPolicy } from './bootstrap-policy.ts';
import { type PolicyObject, planPolicyObject } from './reconcile.ts';

const get = { verbs: ['get'], apiGroups: [''], resources: ['pods'] };
const list = { verbs: ['list'], apiGroups: [''], resources: ['pods'] };
const expected: PolicyObject = { metadata: { annotations: { a: 'b' } }, rules: [get, list] };

test('what is missing in a role is added, and what somebody has added stays', () => {
  const own = { verbs: ['*'], apiGroups: ['x'], resources: ['*'] };
  const current = { metadata: { labels: { mine: 'yes' } }, rules: [own, get] };
  expect(planPolicyObject(current, expected)).toEqual({
    step: 'update',
    object: { metadata: { labels: { mine: 'yes' }, annotations: { a: 'b' } }, rules: [own, get, list] },
  });
});

test('a role that may not be updated, or that is as it should be, is left alone', () => {
  const annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'false' };
  expect(planPolicyObject({ metadata: { annotations }, rules: [] }, expected)).toEqual({ step: 'keep' });
  for (const object of bootstrapPolicy) {
    const policy = object as BootstrapObject & PolicyObject;
    expect(planPolicyObject(policy, policy)).toEqual({ step: 'keep' });
  }
});

test('a binding that leads elsewhere is made anew', () => {
  const roleRef = { apiGroup: 'g', kind: 'ClusterRole', name: 'a' };
  const binding = { metadata: {}, roleRef, subjects: [] };
  expect(planPolicyObject({ ...binding, roleRef: { ...roleRef, name: 'b' } }, binding)).toEqual({
    step: 'recreate',
  });
});

test('every binding of the policy leads to a role of it, and no name stands twice', () => {
  const ids = bootstrapPolicy.map(
    ({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`,
  );
  expect(new Set(ids).size).toBe(ids.length);
  for (const { kind, metadata, roleRef } of bootstrapPolicy) {
    if (!kind.endsWith('Binding')) continue;
    const { kind: roleKind, name } = roleRef as { readonly kind: string; readonly name: string };
    const home = roleKind === 'Role' ? (metadata.namespace ?? '') : '';
    expect(ids).toContain(`${roleKind} ${home}/${name}`);
  }
});
