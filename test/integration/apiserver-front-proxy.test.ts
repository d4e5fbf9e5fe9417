import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configmaps, roles } from '../../api/generated/resources.ts';
import { CertificateAuthority, type KeyPair } from '../../deploy/pki.ts';
import { ApiServerProcess } from '../support/api-server-process.ts';

const proxyDirectory = mkdtempSync(join(tmpdir(), 'coracle-proxy-ca-'));
let server: ApiServerProcess;
let proxyCa: CertificateAuthority;
let clientCa: CertificateAuthority;

beforeAll(async () => {
  proxyCa = await CertificateAuthority.open(proxyDirectory, { name: 'front-proxy-ca' });
  const flags = [
    `--requestheader-client-ca-file=${join(proxyDirectory, 'ca.crt')}`,
    '--requestheader-allowed-names=front-proxy-client',
  ];
  server = await ApiServerProcess.start({ flags });
  clientCa = await CertificateAuthority.open(join(server.directory, 'pki'));
});
afterAll(async () => {
  await server.stop();
  rmSync(proxyDirectory, { recursive: true, force: true });
});

interface WhoAmI {
  readonly status?: {
    readonly userInfo?: { readonly username: string; readonly groups?: readonly string[] };
  };
  readonly code?: number;
}

/** Who the server takes the holder of `pair` for. */
async function whoAmI(pair: KeyPair, headers: http2.OutgoingHttpHeaders): Promise<WhoAmI> {
  const ca = readFileSync(join(server.directory, 'pki', 'ca.crt'));
  const session = http2.connect(`https://127.0.0.1:${server.port}`, { ca, cert: pair.cert, key: pair.key });
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const head = { ':method': 'POST', ':path': path, 'content-type': 'application/json', ...headers };
  const stream = session.request(head);
  stream.end(JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }));
  let body = '';
  for await (const chunk of stream) body += String(chunk);
  session.destroy();
  return JSON.parse(body) as WhoAmI;
}

/** The same over HTTP/1.1. */
async function whoAmIOver1(pair: KeyPair, headers: http2.OutgoingHttpHeaders): Promise<WhoAmI> {
  const ca = readFileSync(join(server.directory, 'pki', 'ca.crt'));
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const head = { 'content-type': 'application/json', ...headers };
  const request = https.request({
    ...{ host: '127.0.0.1', port: server.port, path, method: 'POST', headers: head, agent: false },
    ...{ ca, cert: pair.cert, key: pair.key },
  });
  const answered = once(request, 'response');
  request.end(JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }));
  const [answer] = (await answered) as [IncomingMessage];
  let body = '';
  for await (const chunk of answer) body += String(chunk);
  return JSON.parse(body) as WhoAmI;
}

const jane = {
  'x-remote-user': 'jane',
  'x-remote-group': ['dev', 'ops'],
  'x-remote-uid': '42',
  'x-remote-extra-example.com%2fscope': 'a',
};

test('the headers of a proxy with an allowed name are believed', async () => {
  const pair = await proxyCa.issue({ commonName: 'front-proxy-client' });
  expect((await whoAmI(pair, jane)).status?.userInfo).toEqual({
    username: 'jane',
    uid: '42',
    groups: ['dev', 'ops', 'system:authenticated'],
    extra: { 'example.com/scope': ['a'] },
  });
});

test.each([
  ['HTTP/2', whoAmI],
  ['HTTP/1.1', whoAmIOver1],
] as const)(
  'over %s a name with a comma is one name, and of several users the first counts',
  async (_, ask) => {
    const proxy = await proxyCa.issue({ commonName: 'front-proxy-client' });
    const sent = {
      'x-remote-user': ['jane, x', 'joe'],
      'x-remote-group': ['dev, system:masters', '', 'ops'],
    };
    expect((await ask(proxy, sent)).status?.userInfo).toMatchObject({
      username: 'jane, x',
      groups: ['dev, system:masters', 'ops', 'system:authenticated'],
    });
    const root = await clientCa.issue({ commonName: 'root', organizations: ['system:masters'] });
    const acting = { 'impersonate-user': 'jane', 'impersonate-group': ['dev, system:masters', 'ops'] };
    expect((await ask(root, acting)).status?.userInfo).toMatchObject({
      username: 'jane',
      groups: ['dev, system:masters', 'ops', 'system:authenticated'],
    });
  },
);

test('a proxy that names nobody is nobody itself', async () => {
  const pair = await proxyCa.issue({ commonName: 'front-proxy-client' });
  expect((await whoAmI(pair, {})).code).toBe(401);
});

test('no other name of that authority is believed, nor is it anybody here', async () => {
  const identity = { commonName: 'kubernetes-admin', organizations: ['system:masters'] };
  const pair = await proxyCa.issue(identity);
  expect((await whoAmI(pair, jane)).code).toBe(401);
  expect((await whoAmI(pair, {})).code).toBe(401);
});

test('who shows a certificate of an authority that is nobody here is not taken for nobody', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'coracle-strange-ca-'));
  try {
    const strange = await CertificateAuthority.open(directory, { name: 'strange-ca' });
    const pair = await strange.issue({ commonName: 'bob', organizations: ['system:masters'] });
    expect((await whoAmI(pair, jane)).code).toBe(401);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test.each(['front-proxy-client', 'bob'])('a client called %s speaks for itself', async (commonName) => {
  const pair = await clientCa.issue({ commonName });
  const { status } = await whoAmI(pair, { ...jane, 'x-remote-group': 'system:masters' });
  expect(status?.userInfo).toMatchObject({ username: commonName, groups: ['system:authenticated'] });
});

test('the certificate towards the agents is nobody of rank here', async () => {
  const file = (name: string): string => readFileSync(join(server.directory, 'pki', name), 'utf8');
  const pair = { cert: file('apiserver-kubelet-client.crt'), key: file('apiserver-kubelet-client.key') };
  expect((await whoAmI(pair, {})).status?.userInfo).toMatchObject({
    username: 'kube-apiserver-kubelet-client',
    groups: ['system:authenticated'],
  });
});

test('what a server behind needs is published, and who may read it', async () => {
  const admin = await server.client('admin');
  const where = { namespace: 'kube-system', name: 'extension-apiserver-authentication' };
  const { data } = await admin.get(configmaps, where);
  expect(data).toEqual({
    'client-ca-file': readFileSync(join(server.directory, 'pki', 'ca.crt'), 'utf8'),
    'requestheader-allowed-names': '["front-proxy-client"]',
    'requestheader-client-ca-file': readFileSync(join(proxyDirectory, 'ca.crt'), 'utf8'),
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-uid-headers': '["X-Remote-Uid"]',
    'requestheader-username-headers': '["X-Remote-User"]',
  });
  const reader = { namespace: 'kube-system', name: 'extension-apiserver-authentication-reader' };
  expect((await admin.get(roles, reader)).rules?.[0]?.resourceNames).toEqual([where.name]);
});
