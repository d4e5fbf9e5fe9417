import { expect, test } from 'vitest';
import { everything } from '../../../api/selector.ts';
import { keyOf } from '../../storage/keys.ts';
import type { CachedObject, ResourceObserver } from '../../watch-cache/read-cache.ts';
import type { Attributes, Decision } from '../authorizer.ts';
import { GrantIndex } from './grant-index.ts';
import { RbacAuthorizer } from './rbac-authorizer.ts';

const rbac = 'rbac.authorization.k8s.io';

/** Tells the index of changes, as the cache does. */
class Source {
  readonly #observers = new Map<string, ResourceObserver>();

  observe(resource: string, observer: ResourceObserver): void {
    this.#observers.set(resource, observer);
    observer.replaced([]);
  }

  put(plural: string, namespace: string, name: string, fields: object): void {
    const resource = `${rbac}/${plural}`;
    const key = keyOf(resource, namespace, name);
    const kinds: Readonly<Record<string, string>> = { clusterrolebindings: 'ClusterRoleBinding' };
    const json = Buffer.from(JSON.stringify({ kind: kinds[plural] ?? 'RoleBinding', ...fields }));
    const none: ReadonlyMap<string, string> = new Map();
    const object: CachedObject = {
      ...{ key, resource, namespace, name, uid: name, version: 1, json, labels: none, fields: none },
    };
    this.#observers.get(resource)?.changed(key, object);
  }

  remove(plural: string, namespace: string, name: string): void {
    const resource = `${rbac}/${plural}`;
    this.#observers.get(resource)?.changed(keyOf(resource, namespace, name), undefined);
  }
}

const may = (source: RbacAuthorizer, user: string, change: Partial<Attributes> = {}): Decision =>
  source.authorize({
    user: { name: user, uid: '', groups: ['everybody'], extra: {} },
    ...{ verb: 'get', isResource: true, group: '', version: 'v1', resource: 'pods', subresource: '' },
    ...{ namespace: 'team', name: 'x', path: '', fields: everything, ...change },
  });
const rules = [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }];
const roleRef = { apiGroup: rbac, kind: 'ClusterRole', name: 'r' };
const toUser = (name: string): object => ({ roleRef, subjects: [{ kind: 'User', name, apiGroup: rbac }] });

test('a binding in a namespace holds there only, and ends with itself or its role', () => {
  const source = new Source();
  const authorizer = new RbacAuthorizer(new GrantIndex(source));
  source.put('rolebindings', 'team', 'b', toUser('jane'));
  expect(may(authorizer, 'jane')).toMatchObject({
    allowed: false,
    reason: 'RBAC: clusterrole.rbac.authorization.k8s.io "r" not found',
  });
  source.put('clusterroles', '', 'r', { rules });
  expect(may(authorizer, 'jane').reason).toBe(
    'RBAC: allowed by RoleBinding "b/team" of ClusterRole "r" to User "jane"',
  );
  expect(may(authorizer, 'jane', { namespace: 'other' }).allowed).toBe(false);
  expect(may(authorizer, 'jane', { namespace: '' }).allowed).toBe(false);
  expect(may(authorizer, 'joe').allowed).toBe(false);
  source.put('rolebindings', 'team', 'b', toUser('joe'));
  expect([may(authorizer, 'jane').allowed, may(authorizer, 'joe').allowed]).toEqual([false, true]);
  source.remove('rolebindings', 'team', 'b');
  expect(may(authorizer, 'joe').allowed).toBe(false);
});

test('an account of the binding’s own namespace needs no namespace, and a group is all its members', () => {
  const source = new Source();
  const authorizer = new RbacAuthorizer(new GrantIndex(source));
  source.put('clusterroles', '', 'r', { rules });
  source.put('rolebindings', 'team', 'b', { roleRef, subjects: [{ kind: 'ServiceAccount', name: 'robot' }] });
  expect(may(authorizer, 'system:serviceaccount:team:robot').allowed).toBe(true);
  expect(may(authorizer, 'system:serviceaccount:other:robot').allowed).toBe(false);
  source.put('clusterrolebindings', '', 'g', { roleRef, subjects: [{ kind: 'Group', name: 'everybody' }] });
  expect(may(authorizer, 'joe', { namespace: 'anywhere' }).allowed).toBe(true);
});
