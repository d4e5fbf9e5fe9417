import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Secret } from '../../api/generated/core-v1.ts';
import { clusterroles, rolebindings, secrets, serviceaccounts } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import type { ClosableApiClient } from '../../client/http-client.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { eventually } from '../support/eventually.ts';
import { TestControllers } from '../support/test-controllers.ts';

const rbac = 'rbac.authorization.k8s.io';
let server: TestApiServer;
let admin: ClosableApiClient;
let controllers: TestControllers;

beforeAll(async () => {
  server = await startApiServer([]);
  admin = await server.clientAs('admin');
  controllers = TestControllers.start(await server.clientAs('controllers'), { rootCa: 'PEM' });
});
afterAll(async () => {
  await controllers?.stop();
  await server?.stop();
});

async function statusAs(user: string, path: string): Promise<number> {
  const { status } = await admin.request({ method: 'GET', path, headers: { 'impersonate-user': user } });
  return status;
}

test('a role with the label of `view` widens view, edit and admin, and narrows them again when it goes', async () => {
  const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
  await admin.create(rolebindings, {
    ...{ apiVersion: `${rbac}/v1`, kind: 'RoleBinding', metadata: { name: 'v', namespace: 'default' } },
    subjects: [{ kind: 'User', name: 'vic', apiGroup: rbac }],
    roleRef: { kind: 'ClusterRole', name: 'view', apiGroup: rbac },
  });
  await eventually(async () => expect(await statusAs('vic', '/api/v1/namespaces/default/pods')).toBe(200));
  expect(await statusAs('vic', path)).toBe(403);
  const labels = { [`${rbac}/aggregate-to-view`]: 'true' };
  await admin.create(clusterroles, {
    ...{ apiVersion: `${rbac}/v1`, kind: 'ClusterRole', metadata: { name: 'more', labels } },
    rules: [{ apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['list'] }],
  });
  await eventually(async () => expect(await statusAs('vic', path)).toBe(200));
  for (const name of ['view', 'edit', 'admin'])
    await eventually(async () => {
      const { rules = [] } = await admin.get(clusterroles, { name });
      expect(rules).toContainEqual({
        ...{ apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['list'] },
      });
    });
  await admin.delete(clusterroles, { name: 'more' });
  await eventually(async () => expect(await statusAs('vic', path)).toBe(403));
});

const decoded = ({ data = {} }: Secret, key: string): string =>
  Buffer.from(data[key] ?? '', 'base64').toString();

test('a Secret made for an account is filled with a token that ends with the Secret or the account', async () => {
  const account = { name: 'robot', namespace: 'default' };
  await admin.create(serviceaccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: account });
  const annotations = { 'kubernetes.io/service-account.name': 'robot' };
  const name = { name: 'robot-token', namespace: 'default' };
  const secret = { ...name, annotations };
  const type = 'kubernetes.io/service-account-token';
  await admin.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: secret, type });
  const filled = await eventually(async () => {
    const found = await admin.get(secrets, name);
    expect(decoded(found, 'token')).not.toBe('');
    return found;
  });
  expect(decoded(filled, 'ca.crt')).toBe('PEM');
  expect(decoded(filled, 'namespace')).toBe('default');
  const review = async (): Promise<unknown> => {
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview' };
    const answer = await admin.request({
      ...{ method: 'POST', path: '/apis/authentication.k8s.io/v1/tokenreviews' },
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, spec: { token: decoded(filled, 'token') } }),
    });
    return JSON.parse(answer.body.toString());
  };
  expect(await review()).toMatchObject({
    status: { authenticated: true, user: { username: 'system:serviceaccount:default:robot' } },
  });
  await admin.delete(serviceaccounts, account);
  await eventually(async () => {
    const gone = await admin.get(secrets, name).then(() => false, isNotFound);
    expect(gone).toBe(true);
  });
  const error = '[invalid bearer token, serviceaccounts "robot" not found]';
  expect(await review()).toMatchObject({ status: { error } });
});
