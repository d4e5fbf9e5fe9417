/** What a token is worth when what it is bound to is gone, and what TokenReview and TokenRequest say of it. */
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodes, pods, secrets, serviceaccounts } from '../../api/generated/resources.ts';
import { MemoryStorage } from '../../apiserver/storage/memory-storage.ts';
import type { ClosableApiClient } from '../../client/http-client.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

const issuer = 'https://kubernetes.default.svc.cluster.local';
const namespace = 'default';
let server: TestApiServer;
let admin: ClosableApiClient;

beforeAll(async () => {
  const flags = ['--service-account-max-token-expiration=2h'];
  server = await startApiServer([], new MemoryStorage(), flags);
  admin = await server.clientAs('admin');
});
afterAll(() => server.stop());

interface Answer {
  readonly status: number;
  readonly warning: string | undefined;
  readonly body: {
    readonly message?: string;
    readonly status?: {
      readonly token?: string;
      readonly authenticated?: boolean;
      readonly error?: string;
      readonly audiences?: readonly string[];
      readonly user?: { readonly username?: string; readonly extra?: object };
    };
    readonly spec?: { readonly expirationSeconds?: number };
  };
}

async function post(path: string, body: object): Promise<Answer> {
  const headers = { 'content-type': 'application/json' };
  const answer = await admin.request({ method: 'POST', path, headers, body: JSON.stringify(body) });
  const warning = answer.headers['warning'];
  return { status: answer.status, warning: warning?.toString(), body: JSON.parse(answer.body.toString()) };
}

const askToken = (account: string, spec: object, metadata: object = {}): Promise<Answer> =>
  post(`/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`, {
    ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata, spec },
  });
async function tokenOf(account: string, spec: object = {}): Promise<string> {
  const { status, body } = await askToken(account, spec);
  expect(status, body.message).toBe(201);
  return body.status?.token ?? '';
}
async function review(token: string, audiences?: readonly string[]): Promise<Answer['body']['status']> {
  const spec = { token, ...(audiences === undefined ? {} : { audiences }) };
  const kind = 'TokenReview';
  const apiVersion = 'authentication.k8s.io/v1';
  return (await post('/apis/authentication.k8s.io/v1/tokenreviews', { apiVersion, kind, spec })).body.status;
}
const rejected = (problem: string): object => ({ user: {}, error: `[invalid bearer token, ${problem}]` });
const invalidated = rejected('service account token has been invalidated');

async function anAccount(name: string): Promise<string> {
  const metadata = { name, namespace };
  const { metadata: made } = await admin.create(serviceaccounts, {
    ...{ apiVersion: 'v1', kind: 'ServiceAccount', metadata },
  });
  return made.uid ?? '';
}

describe('a token ends with', () => {
  test('its account, also when another one of the name has come', async () => {
    const before = await anAccount('recreated');
    const token = await tokenOf('recreated');
    expect((await review(token))?.user?.username).toBe('system:serviceaccount:default:recreated');
    await admin.delete(serviceaccounts, { namespace, name: 'recreated' });
    expect(await review(token)).toEqual(rejected('serviceaccounts "recreated" not found'));
    const after = await anAccount('recreated');
    expect(await review(token)).toEqual(
      rejected(`service account UID (${after}) does not match claim (${before})`),
    );
  });

  test('the Secret that it is bound to', async () => {
    await anAccount('by-secret');
    const metadata = { name: 'bound', namespace };
    await admin.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata });
    const token = await tokenOf('by-secret', {
      boundObjectRef: { kind: 'Secret', apiVersion: 'v1', name: 'bound' },
    });
    expect((await review(token))?.authenticated).toBe(true);
    await admin.delete(secrets, { namespace, name: 'bound' });
    expect(await review(token)).toEqual(invalidated);
  });

  test('the pod that it is bound to, which is of that account', async () => {
    await anAccount('by-pod');
    await anAccount('other');
    const spec = { serviceAccountName: 'by-pod', containers: [{ name: 'c', image: 'i' }] };
    await admin.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace }, spec });
    const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'p' };
    const token = await tokenOf('by-pod', { boundObjectRef });
    const reviewed = await review(token);
    expect(reviewed?.user?.extra).toMatchObject({ 'authentication.kubernetes.io/pod-name': ['p'] });
    expect(await askToken('other', { boundObjectRef })).toMatchObject({
      status: 400,
      body: {
        message:
          'cannot bind token for serviceaccount "other" to pod running with different serviceaccount name.',
      },
    });
    const uid = { ...boundObjectRef, uid: 'another' };
    expect(await askToken('by-pod', { boundObjectRef: uid })).toMatchObject({ status: 409 });
    await admin.delete(pods, { namespace, name: 'p' }, { gracePeriodSeconds: 0 });
    expect(await review(token)).toEqual(invalidated);
  });

  test('the node that it is bound to, also when another one of the name has come', async () => {
    await anAccount('by-node');
    const makeNode = (): Promise<{ readonly metadata: { readonly uid?: string } }> =>
      admin.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, spec: {} });
    const first = await makeNode();
    const token = await tokenOf('by-node', {
      boundObjectRef: { kind: 'Node', apiVersion: 'v1', name: 'n' },
    });
    expect((await review(token))?.user?.extra).toMatchObject({
      'authentication.kubernetes.io/node-name': ['n'],
      'authentication.kubernetes.io/node-uid': [first.metadata.uid],
    });
    await admin.delete(nodes, { name: 'n' });
    expect(await review(token)).toEqual(invalidated);
    const second = await makeNode();
    expect((await review(token))?.error).toContain(`node UID (${second.metadata.uid}) does not match`);
  });
});

describe('a review', () => {
  beforeAll(() => anAccount('meant'));

  test('says for whom of those that were asked for a token is meant', async () => {
    const token = await tokenOf('meant', { audiences: ['vault', issuer] });
    expect((await review(token))?.audiences).toEqual([issuer]);
    expect((await review(token, ['vault', 'other', issuer]))?.audiences).toEqual(['vault', issuer]);
    expect((await review(token, ['vault']))?.audiences).toEqual(['vault']);
    expect(await review(token, ['other'])).toEqual(
      rejected(`token audiences ["vault" "${issuer}"] is invalid for the target audiences ["other"]`),
    );
    const foreign = await tokenOf('meant', { audiences: ['vault'] });
    expect((await review(foreign))?.authenticated).toBeUndefined();
  });

  test('knows nothing of what nobody here has signed', async () => {
    for (const token of ['nonsense', 'abcdef.0123456789abcdef', 'a.b.c'])
      expect(await review(token)).toEqual({ user: {}, error: 'invalid bearer token' });
    const [head, claims] = (await tokenOf('meant')).split('.');
    const forged = JSON.parse(Buffer.from(head ?? '', 'base64url').toString()) as object;
    const none = Buffer.from(JSON.stringify({ ...forged, alg: 'none' })).toString('base64url');
    expect((await review(`${none}.${claims}.`))?.error).toBe('invalid bearer token');
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const hmac = Buffer.from(JSON.stringify({ ...forged, alg: 'HS256' })).toString('base64url');
    const signature = Buffer.from(publicKey.export({ type: 'spki', format: 'der' })).toString('base64url');
    expect((await review(`${hmac}.${claims}.${signature}`))?.error).toBe('invalid bearer token');
  });
});

describe('a token that is asked for', () => {
  beforeAll(() => anAccount('asks'));

  test('lasts ten minutes at least, and no longer than the server allows', async () => {
    expect(await askToken('asks', { expirationSeconds: 599 })).toMatchObject({
      status: 422,
      body: {
        message:
          'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes',
      },
    });
    expect((await askToken('asks', { expirationSeconds: 600 })).body.spec?.expirationSeconds).toBe(600);
    const long = await askToken('asks', { expirationSeconds: 90_000 });
    expect(long.body.spec?.expirationSeconds).toBe(7_200);
    expect(long.warning).toContain('requested expiration of 90000 seconds shortened to 7200 seconds');
    expect((await askToken('asks', { expirationSeconds: 7_200 })).warning).toBeUndefined();
  });

  test('is for the account of the path', async () => {
    const message =
      'TokenRequest.authentication.k8s.io "asks" is invalid: metadata.name: Invalid value: "other": must match the service account name if specified';
    expect(await askToken('asks', {}, { name: 'other' })).toMatchObject({ status: 422, body: { message } });
    expect((await askToken('asks', {}, { namespace: 'kube-system' })).status).toBe(422);
    expect((await askToken('asks', {}, { name: 'asks', namespace })).status).toBe(201);
  });

  test('is bound to nothing else than pods, Secrets and nodes that are there', async () => {
    const bound = (boundObjectRef: object): Promise<Answer> => askToken('asks', { boundObjectRef });
    expect((await bound({ kind: 'ConfigMap', apiVersion: 'v1', name: 'a' })).status).toBe(400);
    expect((await bound({ kind: 'Pod', apiVersion: 'v1', name: 'none' })).status).toBe(404);
    expect((await askToken('none', {})).status).toBe(404);
  });
});
