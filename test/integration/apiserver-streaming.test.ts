import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request as httpsRequest, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { nodes, pods } from '../../api/generated/resources.ts';
import type { ClosableApiClient } from '../../client/http-client.ts';
import { loadKubeconfig } from '../../client/kubeconfig.ts';
import { CertificateAuthority } from '../../deploy/pki.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { ensureServiceAccount } from '../support/service-account.ts';

let server: TestApiServer;
let admin: ClosableApiClient;
let agent: Server;
const asked: string[] = [];

/** An agent that answers with what it was asked, and says who asked. */
function serveAgent(request: IncomingMessage, response: ServerResponse): void {
  asked.push(request.url ?? '');
  if (request.url?.includes('/refusing') === true) {
    response.writeHead(400).end('container "refusing" in pod "p" is waiting to start: ContainerCreating');
    return;
  }
  if (request.url?.startsWith('/echo') === true) {
    response.writeHead(201, { 'x-uri': request.headers['x-forwarded-uri'], location: '/elsewhere' });
    request.pipe(response);
    return;
  }
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.end('line 1\nline 2\n');
}

beforeAll(async () => {
  server = await startApiServer(['host-1']);
  admin = await server.clientAs('admin');
  await ensureServiceAccount(admin);
  const ca = await CertificateAuthority.open(join(server.directory, 'pki'));
  const pair = await ca.issue({ commonName: 'system:node:host-1', hosts: ['127.0.0.1'] });
  agent = createServer(
    { cert: pair.cert, key: pair.key, ca: ca.certPem, requestCert: true, rejectUnauthorized: true },
    serveAgent,
  );
  const sockets = new WebSocketServer({ noServer: true });
  agent.on('upgrade', (request, socket, head) => {
    const chunked = 'HTTP/1.1 403 Forbidden\r\ntransfer-encoding: chunked\r\n\r\n8\r\nnot here\r\n0\r\n\r\n';
    if (request.url === '/refused') socket.end(chunked);
    else
      sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit('connection', opened, request));
  });
  sockets.on('connection', (socket, request) => {
    asked.push(request.url ?? '');
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  await new Promise<void>((resolve) => {
    agent.listen(0, '127.0.0.1', resolve);
  });
  const { port: Port } = agent.address() as AddressInfo;
  await admin.create(nodes, {
    ...{ apiVersion: 'v1', kind: 'Node', metadata: { name: 'host-1' }, spec: {} },
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port } },
    },
  });
  const containers = ['c', 'refusing'].map((name) => ({ name, image: 'nginx' }));
  for (const [name, nodeName] of [
    ['p', 'host-1'],
    ['loose', undefined],
  ] as const) {
    const spec = { containers, ...(nodeName === undefined ? {} : { nodeName }) };
    const metadata = { name, namespace: 'default' };
    await admin.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
  }
});
afterAll(async () => {
  agent.closeAllConnections();
  agent.close();
  await server.stop();
});

const get = async (path: string): Promise<{ status: number; text: string }> => {
  const { status, body } = await admin.request({
    method: 'GET',
    path: `/api/v1/namespaces/default/pods/${path}`,
  });
  return { status, text: body.toString() };
};

test('a log comes from the agent of the pod, with its options', async () => {
  expect(await get('p/log?container=c&tailLines=2')).toEqual({ status: 200, text: 'line 1\nline 2\n' });
  expect(asked).toContain('/containerLogs/default/p/c?tailLines=2');
});

test.each([
  ['p/log', 'a container name must be specified for pod p, choose one of: [c refusing]'],
  ['p/log?container=x', 'container x is not valid for pod p'],
  ['p/log?container=refusing', 'waiting to start: ContainerCreating'],
  ['p/exec?container=c&command=ls', 'Upgrade request required'],
])('%s is refused for what it lacks', async (path, message) => {
  const { status, text } = await get(path);
  expect(status).toBe(400);
  expect(JSON.parse(text)).toMatchObject({ kind: 'Status', message: expect.stringContaining(message) });
});

const openSocket = (path: string): Promise<WebSocket> =>
  openAt(`/api/v1/namespaces/default/pods/${path}`, 'v5.channel.k8s.io');

async function openAt(path: string, protocol?: string): Promise<WebSocket> {
  const config = await loadKubeconfig(`${server.directory}/admin.kubeconfig`);
  const url = `${config.server.replace('https', 'wss')}${path}`;
  const { ca = '', cert = '', key = '' } = config;
  return new WebSocket(url, protocol ?? [], { ca, cert, key });
}

test.each([
  ['binary.k8s.io', 'line 1\nline 2\n'],
  [undefined, 'line 1\nline 2\n'],
  ['base64.binary.k8s.io', Buffer.from('line 1\nline 2\n').toString('base64')],
])('a log comes over a WebSocket of protocol %s', async (protocol, text) => {
  const socket = await openAt('/api/v1/namespaces/default/pods/p/log?container=c', protocol);
  const received: Buffer[] = [];
  socket.on('message', (data) => received.push(Buffer.from(data as Buffer)));
  await new Promise((resolve, reject) => {
    socket.once('close', resolve);
    socket.once('error', reject);
  });
  expect(received[0]).toHaveLength(0);
  expect(Buffer.concat(received).toString()).toBe(text);
});

test('exec is one WebSocket between the client and the agent', async () => {
  const socket = await openSocket('p/exec?container=c&command=cat&stdin=true');
  const echoed = new Promise<Buffer>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('message', (data) => resolve(Buffer.from(data as Buffer)));
    socket.once('open', () => socket.send(Buffer.from('\0hello')));
  });
  expect((await echoed).toString()).toBe('\0hello');
  expect(asked).toContain('/exec/default/p/c?command=cat&stdin=true');
  const closed = new Promise<number>((resolve) => {
    socket.once('close', resolve);
  });
  socket.close(1000);
  expect(await closed).toBe(1000);
});

test.each(['exec?container=c&command=sh', 'attach?container=c&stdout=true', 'portforward?ports=80'])(
  'a WebSocket for %s needs the right to create, not only to get',
  async (what) => {
    const [subresource = ''] = what.split('?');
    const allow = async (verbs: readonly string[]): Promise<void> => {
      const path = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
      const apiVersion = 'rbac.authorization.k8s.io/v1';
      const metadata = { name: `jane-${subresource}-${verbs.length}` };
      const post = (kind: string, more: object): Promise<{ readonly status: number }> =>
        admin.request({
          ...{ method: 'POST', path: `${path}/${kind.toLowerCase()}s` },
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ apiVersion, kind, metadata, ...more }),
        });
      await post('Role', { rules: [{ apiGroups: [''], resources: [`pods/${subresource}`], verbs }] });
      const bound = await post('RoleBinding', {
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }],
      });
      expect(bound.status).toBe(201);
    };
    const connect = async (): Promise<string> => {
      const config = await loadKubeconfig(join(server.directory, 'admin.kubeconfig'));
      const url = `${config.server}/api/v1/namespaces/default/pods/p/${what}`.replace('https', 'wss');
      const { ca, cert, key } = config;
      const headers = { 'impersonate-user': 'jane' };
      const socket = new WebSocket(url, ['v4.channel.k8s.io'], { ca, cert, key, headers });
      return new Promise((resolve) => {
        socket.on('open', () => {
          socket.terminate();
          resolve('open');
        });
        socket.on('unexpected-response', (_request, response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => {
            text += chunk.toString();
          });
          response.on('end', () => resolve((JSON.parse(text) as { readonly message: string }).message));
        });
        socket.on('error', () => undefined);
      });
    };
    await allow(['get']);
    expect(await connect()).toBe(
      `pods "p" is forbidden: User "jane" cannot create resource "pods/${subresource}" in API group "" in the namespace "default"`,
    );
    await allow(['get', 'create']);
    expect(await connect()).toBe('open');
  },
);

test('exec into a pod without a node is refused before the upgrade', async () => {
  const socket = await openSocket('loose/exec?container=c&command=cat');
  const error = await new Promise<Error>((resolve) => {
    socket.once('error', resolve);
  });
  expect(error.message).toContain('400');
});

test('proxy passes a body of any length on as it comes, and brings redirects under its path', async () => {
  const body = Buffer.alloc(5 * 1024 * 1024, 'x');
  const prefix = '/api/v1/nodes/host-1/proxy';
  const answer = await admin.request({ method: 'POST', path: `${prefix}/echo?a=b`, body });
  expect(answer.status).toBe(201);
  expect(answer.body.equals(body)).toBe(true);
  expect(answer.headers).toMatchObject({ 'x-uri': `${prefix}/echo`, location: `${prefix}/elsewhere` });
  expect(asked).toContain('/echo?a=b');
});

test.each(['OPTIONS', 'DELETE', 'PATCH', 'PUT'])('proxy passes %s on', async (method) => {
  const { server: url, ca, cert, key } = await loadKubeconfig(`${server.directory}/admin.kubeconfig`);
  const path = `/api/v1/nodes/host-1/proxy/echo?method=${method}`;
  const status = await new Promise((resolve, reject) => {
    const sent = httpsRequest(new URL(path, url), { method, ca, cert, key }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    sent.once('error', reject).end();
  });
  expect(status).toBe(201);
  expect(asked).toContain(`/echo?method=${method}`);
});

test('proxy passes an upgrade on', async () => {
  const socket = await openAt('/api/v1/nodes/host-1/proxy/socket?x=1');
  const echoed = new Promise<Buffer>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('message', (data) => resolve(Buffer.from(data as Buffer)));
    socket.once('open', () => socket.send(Buffer.from('hello')));
  });
  expect((await echoed).toString()).toBe('hello');
  expect(asked).toContain('/socket?x=1');
  socket.close();
});

test('an upgrade that the backend refuses is answered with what it says, at its true length', async () => {
  const { server: url, ca, cert, key } = await loadKubeconfig(`${server.directory}/admin.kubeconfig`);
  const headers = { connection: 'Upgrade', upgrade: 'something' };
  const target = new URL('/api/v1/nodes/host-1/proxy/refused', url);
  const text = await new Promise<string>((resolve, reject) => {
    const sent = httpsRequest(target, { ca, cert, key, headers, agent: false }, (answer) => {
      const parts: string[] = [String(answer.statusCode)];
      answer.on('data', (chunk: Buffer) => parts.push(chunk.toString()));
      answer.once('error', reject).once('end', () => resolve(parts.join(' ')));
    });
    sent.once('error', reject).end();
  });
  expect(text).toBe('403 not here');
});

test.each([
  ['/api/v1/nodes/host-1:1/proxy/', 400, 'address not allowed'],
  ['/api/v1/nodes/none/proxy/', 404, 'nodes "none" not found'],
  ['/api/v1/namespaces/default/pods/loose/proxy/', 400, 'address not allowed'],
  ['/api/v1/namespaces/default/services/none/proxy/', 404, 'endpoints "none" not found'],
])('%s is refused with %i', async (path, code, message) => {
  const { status, body } = await admin.request({ method: 'GET', path });
  expect([status, JSON.parse(body.toString()).message]).toEqual([code, message]);
});
