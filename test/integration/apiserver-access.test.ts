import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodes, pods, secrets } from '../../api/generated/resources.ts';
import { isForbidden } from '../../api/status-error.ts';
import type { ClosableApiClient } from '../../client/http-client.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { ensureServiceAccount } from '../support/service-account.ts';

let server: TestApiServer;
let admin: ClosableApiClient;
let node: ClosableApiClient;

beforeAll(async () => {
  server = await startApiServer(['host-1', 'host-2']);
  admin = await server.clientAs('admin');
  node = await server.clientAs('host-1');
  await ensureServiceAccount(admin);
  for (const [name, nodeName, secret] of [
    ['mine', 'host-1', 'named'],
    ['theirs', 'host-2', 'other'],
  ] as const) {
    const volumes = [{ name: 's', secret: { secretName: secret } }];
    const spec = { nodeName, containers: [{ name: 'c', image: 'nginx' }], volumes };
    const metadata = { name, namespace: 'default' };
    await admin.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
    const named = { name: secret, namespace: 'default' };
    await admin.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: named });
  }
});
afterAll(() => server.stop());

const isRefused = async (running: Promise<unknown>): Promise<boolean> => {
  try {
    await running;
    return false;
  } catch (error) {
    return isForbidden(error);
  }
};

test('a node registers itself and nobody else', async () => {
  await node.create(nodes, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'host-1' },
    spec: {},
    status: {},
  });
  await admin.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'host-2' }, spec: {} });
  const patch = { type: 'merge', body: { metadata: { labels: { a: 'b' } } } } as const;
  await node.patch(nodes, { name: 'host-1' }, patch);
  expect(await isRefused(node.patch(nodes, { name: 'host-2' }, patch))).toBe(true);
});

test('a node sees its own pods only', async () => {
  const mine = await node.list(pods, { fieldSelector: 'spec.nodeName=host-1' });
  expect(mine.items.map(({ metadata }) => metadata.name)).toEqual(['mine']);
  expect(await isRefused(node.list(pods))).toBe(true);
  expect(await isRefused(node.list(pods, { fieldSelector: 'spec.nodeName=host-2' }))).toBe(true);
});

test('a node writes the status of its own pods only', async () => {
  const body = { status: { phase: 'Running' } };
  const write = (name: string): Promise<unknown> =>
    node.patch(pods, { namespace: 'default', name }, { type: 'merge', body }, { subresource: 'status' });
  await write('mine');
  expect(await isRefused(write('theirs'))).toBe(true);
});

test('a node reads the secrets that its pods name', async () => {
  await node.get(secrets, { namespace: 'default', name: 'named' });
  expect(await isRefused(node.get(secrets, { namespace: 'default', name: 'other' }))).toBe(true);
  expect(await isRefused(node.list(secrets, { namespace: 'default' }))).toBe(true);
});

test('a token of a ServiceAccount tells who it is, and dies with its pod', async () => {
  const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'mine' };
  const { body } = await admin.request({
    method: 'POST',
    path: '/api/v1/namespaces/default/serviceaccounts/default/token',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { boundObjectRef },
    }),
  });
  const issued: { readonly status: { readonly token: string } } = JSON.parse(body.toString());
  const review = async (): Promise<unknown> => {
    const answer = await admin.request({
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/tokenreviews',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: { token: issued.status.token },
      }),
    });
    return JSON.parse(answer.body.toString());
  };
  expect(await review()).toMatchObject({
    status: { authenticated: true, user: { username: 'system:serviceaccount:default:default' } },
  });
  await admin.delete(pods, { namespace: 'default', name: 'mine' }, { gracePeriodSeconds: 0 });
  const error = '[invalid bearer token, service account token has been invalidated]';
  expect(await review()).toMatchObject({ status: { error } });
});

test('others do what their work needs', async () => {
  const scheduler = await server.clientAs('scheduler');
  const detector = await server.clientAs('detector');
  await scheduler.list(pods);
  expect(await isRefused(scheduler.delete(nodes, { name: 'host-1' }))).toBe(true);
  expect(await isRefused(detector.list(secrets))).toBe(true);
});
