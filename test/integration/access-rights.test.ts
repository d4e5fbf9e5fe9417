/** Ways in which one right might give another: each is tried by a user who has the first one only. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ClosableApiClient } from '../../client/http-client.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

let server: TestApiServer;
let admin: ClosableApiClient;

const rbac = '/apis/rbac.authorization.k8s.io/v1';
const ns = '/api/v1/namespaces/default';

interface Sent {
  readonly user?: string;
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly type?: string;
  readonly body?: object;
}

interface Answered {
  readonly status: number;
  readonly message: string;
}

async function send({
  user,
  method = 'GET',
  path,
  type = 'application/json',
  body,
}: Sent): Promise<Answered> {
  const headers = { 'content-type': type, ...(user === undefined ? {} : { 'impersonate-user': user }) };
  const text = body === undefined ? {} : { body: JSON.stringify(body) };
  const answer = await admin.request({ method, path, headers, ...text });
  const { message = '' } = JSON.parse(answer.body.toString()) as { readonly message?: string };
  return { status: answer.status, message };
}

/** A user of that name who may do that, in all namespaces. */
async function allow(user: string, ...rules: readonly object[]): Promise<void> {
  const made = [
    await send({ method: 'POST', path: `${rbac}/clusterroles`, body: { metadata: { name: user }, rules } }),
    await send({
      ...{ method: 'POST', path: `${rbac}/clusterrolebindings` },
      body: {
        metadata: { name: user },
        subjects: [{ kind: 'User', name: user }],
        roleRef: { kind: 'ClusterRole', name: user },
      },
    }),
  ];
  expect(made.map(({ status }) => status)).toEqual([201, 201]);
}

beforeAll(async () => {
  server = await startApiServer([]);
  admin = await server.clientAs('admin');
});
afterAll(() => server.stop());

test('rules that are more rights than can be compared are refused at once', async () => {
  await allow('granter', {
    apiGroups: ['rbac.authorization.k8s.io'],
    resources: ['roles'],
    verbs: ['create'],
  });
  const list = (prefix: string): string[] => Array.from({ length: 3_000 }, (_, index) => `${prefix}${index}`);
  const rule = { apiGroups: list('g'), resources: list('r'), verbs: list('v') };
  const body = { metadata: { name: 'huge' }, rules: [rule] };
  const path = `${rbac}/namespaces/default/roles`;
  const { status, message } = await send({ user: 'granter', method: 'POST', path, body });
  expect(status).toBe(403);
  expect(message).toContain('give 27000000000 single rights');
  // Who may escalate is not compared with anything.
  expect((await send({ method: 'POST', path, body })).status).toBe(201);
});

test('who may change objects does not make them by a change', async () => {
  const rules = { apiGroups: ['', 'coordination.k8s.io'], resources: ['configmaps', 'leases'] };
  await allow('changer', { ...rules, verbs: ['get', 'patch', 'update'] });
  const applied = { user: 'changer', method: 'PATCH', type: 'application/apply-patch+yaml' } as const;
  const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { a: '1' } };
  const apply: Sent = { ...applied, path: `${ns}/configmaps/c?fieldManager=t`, body: config };
  expect(await send(apply)).toEqual({
    status: 403,
    message:
      'configmaps "c" is forbidden: User "changer" cannot create resource "configmaps" in API group "" in the namespace "default"',
  });
  const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
  const lease = { metadata: { name: 'l' }, spec: { holderIdentity: 'me' } };
  const put: Sent = { user: 'changer', method: 'PUT', path: `${leases}/l`, body: lease };
  expect((await send(put)).message).toContain('User "changer" cannot create resource "leases"');
  // What is there may be changed, and who may create makes it.
  expect((await send({ method: 'POST', path: `${ns}/configmaps`, body: config })).status).toBe(201);
  expect((await send(apply)).status).toBe(200);
  await allow('maker', { ...rules, verbs: ['create', 'patch', 'update'] });
  expect((await send({ ...put, user: 'maker' })).status).toBe(201);
});
