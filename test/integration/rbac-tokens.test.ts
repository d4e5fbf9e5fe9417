import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clusterroles, secrets } from '../../api/generated/resources.ts';
import { TokenSigner } from '../../apiserver/authentication/service-account-token.ts';
import { MemoryStorage } from '../../apiserver/storage/memory-storage.ts';
import { systemClock } from '../../base/clock.ts';
import type { ClosableApiClient } from '../../client/http-client.ts';
import { loadKubeconfig } from '../../client/kubeconfig.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { eventually } from '../support/eventually.ts';
import { ensureServiceAccount } from '../support/service-account.ts';
import { bindEverywhere } from '../support/user-rights.ts';

const issuer = 'https://kubernetes.default.svc.cluster.local';
const rbac = 'rbac.authorization.k8s.io';
const selfReview = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
let directory: string;
let server: TestApiServer;
let admin: ClosableApiClient;
/** A key with which tokens were signed before the present one. */
let oldKey: Buffer;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'coracle-tokens-'));
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  oldKey = Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const oldPublic = createPublicKey(oldKey).export({ type: 'spki', format: 'pem' });
  const file = (name: string): string => join(directory, name);
  await writeFile(file('old.pub'), oldPublic);
  await writeFile(file('tokens.csv'), 'sesame,ali,u1,"thieves,forty"\nplain,baba,u2\n');
  const flags = [`--service-account-key-file=${file('old.pub')}`, `--token-auth-file=${file('tokens.csv')}`];
  server = await startApiServer([], new MemoryStorage(), flags);
  admin = await server.clientAs('admin');
  await ensureServiceAccount(admin);
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

interface Answered {
  readonly status: number;
  readonly body: string;
}

interface Sent {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** With a token and no certificate. */
async function withToken(
  token: string | undefined,
  path: string,
  { method = 'GET', body = '', headers: more = {} }: Sent = {},
): Promise<Answered> {
  const config = await loadKubeconfig(join(server.directory, 'admin.kubeconfig'));
  const ca = await readFile(join(server.directory, 'pki/ca.crt'));
  const headers = {
    ...more,
    'content-type': 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, config.server), { method, ca, headers, agent: false }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      answer.once('end', () => resolve({ status: answer.statusCode ?? 0, body: text }));
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

const reviewBody = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' });

/** `userInfo` of who shows the token, or the status of the refusal. */
async function whoIs(token: string): Promise<unknown> {
  const { status, body } = await withToken(token, selfReview, { method: 'POST', body: reviewBody });
  return status === 201 ? JSON.parse(body).status.userInfo : status;
}

test('a token of the token file tells user, uid and groups; another one is refused', async () => {
  expect(await whoIs('sesame')).toEqual({
    ...{ username: 'ali', uid: 'u1', groups: ['thieves', 'forty', 'system:authenticated'] },
  });
  expect(await whoIs('plain')).toMatchObject({ username: 'baba', groups: ['system:authenticated'] });
  expect(await whoIs('sesam')).toBe(401);
});

async function bootstrapSecret(id: string, more: Readonly<Record<string, string>> = {}): Promise<string> {
  const secret = 'abcdefghij012345';
  const stringData = {
    ...{ 'token-id': id, 'token-secret': secret, 'usage-bootstrap-authentication': 'true' },
    ...more,
  };
  const metadata = { name: `bootstrap-token-${id}`, namespace: 'kube-system' };
  const type = 'bootstrap.kubernetes.io/token';
  await admin.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata, type, stringData });
  return `${id}.${secret}`;
}

test('a bootstrap token is a bootstrapper while it lasts, and only with the right secret', async () => {
  const groups = 'system:bootstrappers:kubeadm:default-node-token';
  const token = await bootstrapSecret('aaaaaa', { 'auth-extra-groups': groups });
  await eventually(async () =>
    expect(await whoIs(token)).toEqual({
      username: 'system:bootstrap:aaaaaa',
      groups: ['system:bootstrappers', groups, 'system:authenticated'],
    }),
  );
  expect(await whoIs(token.replace('012345', '012346'))).toBe(401);
  const ended = await bootstrapSecret('bbbbbb', { expiration: '2020-01-01T00:00:00Z' });
  const unusable = await bootstrapSecret('cccccc', { 'usage-bootstrap-authentication': 'false' });
  const greedy = await bootstrapSecret('dddddd', { 'auth-extra-groups': 'system:masters' });
  for (const refused of [ended, unusable, greedy]) expect(await whoIs(refused), refused).toBe(401);
  await admin.delete(secrets, { namespace: 'kube-system', name: 'bootstrap-token-aaaaaa' });
  await eventually(async () => expect(await whoIs(token)).toBe(401));
});

async function accountUid(): Promise<string> {
  const path = '/api/v1/namespaces/default/serviceaccounts/default';
  const { body } = await admin.request({ method: 'GET', path });
  return JSON.parse(body.toString()).metadata.uid;
}

async function signedBy(
  keyPem: Buffer,
  change: { readonly uid?: string; readonly audience?: string },
): Promise<string> {
  const signer = new TokenSigner({ keyPem, issuer, audiences: [issuer], clock: systemClock });
  const serviceaccount = { name: 'default', uid: change.uid ?? (await accountUid()) };
  const audiences = [change.audience ?? issuer];
  const claims = { namespace: 'default', serviceaccount };
  return (await signer.issue({ audiences, expirationSeconds: 600, claims })).token;
}

test('a token signed with the key before is still good; one of another key, account or audience is not', async () => {
  expect(await whoIs(await signedBy(oldKey, {}))).toMatchObject({
    username: 'system:serviceaccount:default:default',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
  });
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const foreign = Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }));
  expect(await whoIs(await signedBy(foreign, {}))).toBe(401);
  expect(await whoIs(await signedBy(oldKey, { uid: 'another' }))).toBe(401);
  expect(await whoIs(await signedBy(oldKey, { audience: 'vault' }))).toBe(401);
  const token = await signedBy(oldKey, {});
  expect(await whoIs(`${token.slice(0, -4)}AAAA`)).toBe(401);
});

test('the published keys verify a token that the server has issued', async () => {
  const discovery = JSON.parse(
    (await admin.request({ method: 'GET', path: '/.well-known/openid-configuration' })).body.toString(),
  );
  expect(discovery).toMatchObject({ issuer, response_types_supported: ['id_token'] });
  const { body, headers } = await admin.request({
    method: 'GET',
    path: new URL(discovery.jwks_uri).pathname,
  });
  expect(headers['content-type']).toBe('application/jwk-set+json');
  const { keys } = JSON.parse(body.toString());
  expect(keys).toHaveLength(2);
  const issued = await admin.request({
    ...{ method: 'POST', path: '/api/v1/namespaces/default/serviceaccounts/default/token' },
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }),
  });
  const [head = '', claims = '', signature = ''] = JSON.parse(issued.body.toString()).status.token.split('.');
  const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString());
  const jwk = keys.find((key: { readonly kid: string }) => key.kid === kid);
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const signed = Buffer.from(`${head}.${claims}`);
  expect(verify('sha256', signed, key, Buffer.from(signature, 'base64url'))).toBe(true);
});

test('without credentials only health and version are answered', async () => {
  for (const path of ['/healthz', '/livez', '/readyz', '/version'])
    expect((await withToken(undefined, path)).status, path).toBe(200);
  for (const path of ['/api', '/openid/v1/jwks', '/api/v1/pods', '/metrics'])
    expect((await withToken(undefined, path)).status, path).toBe(403);
});

test('who acts as somebody else needs the right to each part of them', async () => {
  const rule = (group: string, resource: string, name: string): object => ({
    ...{ apiGroups: [group], resources: [resource], resourceNames: [name], verbs: ['impersonate'] },
  });
  await admin.create(clusterroles, {
    ...{ apiVersion: `${rbac}/v1`, kind: 'ClusterRole', metadata: { name: 'actor' } },
    rules: [rule('', 'users', 'jane'), rule('', 'groups', 'team')] as never,
  });
  await bindEverywhere(admin, { name: 'actor', user: 'baba', role: 'actor' });
  const acting = (headers: Readonly<Record<string, string>>): Promise<Answered> =>
    withToken('plain', '/api', { headers });
  const jane = { 'impersonate-user': 'jane' };
  await eventually(async () => expect((await acting(jane)).status).toBe(200));
  expect((await acting({ ...jane, 'impersonate-group': 'team' })).status).toBe(200);
  const refusals: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
    [
      { 'impersonate-user': 'joe' },
      'users "joe" is forbidden: User "baba" cannot impersonate resource "users"',
    ],
    [
      { ...jane, 'impersonate-group': 'system:masters' },
      'groups "system:masters" is forbidden: User "baba" cannot impersonate resource "groups"',
    ],
    [
      { ...jane, 'impersonate-uid': 'u' },
      'uids.authentication.k8s.io "u" is forbidden: User "baba" cannot impersonate resource "uids"',
    ],
    [
      { ...jane, 'impersonate-extra-scopes': 's' },
      'userextras.authentication.k8s.io "s" is forbidden: User "baba" cannot impersonate resource "userextras/scopes"',
    ],
    [
      { 'impersonate-user': 'system:serviceaccount:default:default' },
      'serviceaccounts "default" is forbidden: User "baba" cannot impersonate resource "serviceaccounts"',
    ],
  ];
  for (const [headers, message] of refusals) {
    const { status, body } = await acting(headers);
    expect(status, body).toBe(403);
    expect(JSON.parse(body).message).toContain(message);
  }
  expect((await acting({ 'impersonate-group': 'team' })).status).toBe(400);
});
