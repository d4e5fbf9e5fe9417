import { spawn } from 'node:child_process';
import { webcrypto, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { certificatesigningrequests, configmaps, nodes, secrets } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import { deriveBeatKey } from '../../base/beat.ts';
import { type Clock, systemClock, toTime } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import { lifeOfCertificate } from '../../client/certificate-file.ts';
import {
  type BootstrapToken,
  clusterInfoKey,
  clusterInfoKubeconfig,
  clusterInfoName,
  clusterInfoNamespace,
  publicKeyHash,
} from '../../client/cluster-info.ts';
import { type ClosableApiClient, createApiClient } from '../../client/http-client.ts';
import { loadKubeconfig } from '../../client/kubeconfig.ts';
import { clientOrder, servingOrder } from '../../client/node-order.ts';
import { requestCertificate, requestName } from '../../client/request-certificate.ts';
import { createPrivateKeyPem } from '../../client/signing-request.ts';
import { discover } from '../../deploy/join/discovery.ts';
import { acquireIdentity, connectAsNode } from '../../deploy/join/identity.ts';
import { nodeConfigRef } from '../../deploy/node-config.ts';
import { CertificateAuthority } from '../../deploy/pki.ts';
import { takeAuthority } from '../../node-agent/certificates/authority-follower.ts';
import { CertificateRotation } from '../../node-agent/certificates/certificate-rotation.ts';
import { refuseEndedCertificate } from '../../node-agent/certificates/ended-certificate.ts';
import { startApiServer, type TestApiServer, testLogger } from '../support/api-server.ts';
import { eventually } from '../support/eventually.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { signingOf, TestControllers } from '../support/test-controllers.ts';

const clusterKey = Buffer.alloc(32, 7);
let server: TestApiServer;
let admin: ClosableApiClient;
let controllers: TestControllers;
let directory: string;
let caPem: string;
/** `host:port` */
let address: string;

const joiningGroup = 'system:bootstrappers:kubeadm:default-node-token';
const good: BootstrapToken = { id: 'abcdef', secret: '0123456789abcdef' };
const common = { clock: systemClock, random: systemRandom, logger: testLogger };
const longEnough = (): AbortSignal => AbortSignal.timeout(10_000);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'coracle-joining-'));
  server = await startApiServer(['host-1']);
  admin = await server.clientAs('admin');
  const signing = await signingOf(server);
  caPem = signing.certPem;
  const config = await loadKubeconfig(join(server.directory, 'admin.kubeconfig'));
  address = new URL(config.server).host;
  const client = await server.clientAs('controllers');
  controllers = TestControllers.start(client, { signing, beatKey: clusterKey });
  const data = { [clusterInfoKey]: clusterInfoKubeconfig({ server: config.server, caPem }) };
  await publish({ namespace: clusterInfoNamespace, name: clusterInfoName }, data);
  const node = { clusterDns: '10.96.0.10', clusterDomain: 'cluster.local', clusterCidr: '10.244.0.0/16' };
  await publish(nodeConfigRef, { ...node, serviceCidr: '10.96.0.0/12', detectors: '127.0.0.1:10260' });
  await createToken(good);
});
afterAll(async () => {
  await controllers?.stop();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});

async function publish(
  ref: { namespace: string; name: string },
  data: Record<string, string>,
): Promise<void> {
  await admin.create(configmaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...ref }, data });
}

async function createToken(
  { id, secret }: BootstrapToken,
  more: Readonly<Record<string, string>> = {},
): Promise<void> {
  const text = {
    ...{ 'token-id': id, 'token-secret': secret, 'auth-extra-groups': joiningGroup },
    ...{ 'usage-bootstrap-signing': 'true', 'usage-bootstrap-authentication': 'true' },
    ...more,
  };
  const data = Object.fromEntries(
    Object.entries(text).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  );
  const metadata = { name: `bootstrap-token-${id}`, namespace: 'kube-system' };
  await admin.create(secrets, {
    ...{ apiVersion: 'v1', kind: 'Secret', metadata, type: 'bootstrap.kubernetes.io/token', data },
  });
}

function withToken({ id, secret }: BootstrapToken): ClosableApiClient {
  const config = { server: `https://${address}`, ca: caPem, token: `${id}.${secret}` };
  return createApiClient({ ...common, config, userAgent: 'test-joining' });
}

const find = (options: { token?: BootstrapToken; caHash?: string; clock?: Clock } = {}) =>
  discover(
    { server: address, token: good, caHash: publicKeyHash(caPem), clock: systemClock, ...options },
    longEnough(),
  );

/** Everything that a machine does before it starts its agent. */
async function becomeNode(
  nodeName: string,
  options: { token?: BootstrapToken; clock?: Clock; place?: string } = {},
) {
  const { token = good, clock = systemClock, place = nodeName } = options;
  const info = await find({ token });
  const joining = { cluster: 'test', nodeName, directory: join(directory, place), info, clock };
  return acquireIdentity({ ...joining, token: `${token.id}.${token.secret}` }, longEnough());
}

describe('who knows a token and a hash', () => {
  it('finds the cluster, and learns nothing else', async () => {
    expect(await find()).toEqual({ server: `https://${address}`, caPem });
  });

  it('is told when the authority is another one', async () => {
    await expect(find({ caHash: `sha256:${'a'.repeat(64)}` })).rejects.toThrow(
      'is not the cluster that was meant',
    );
  });

  it('is told when the secret is another one, or there is no such token', async () => {
    await expect(find({ token: { ...good, secret: 'fedcba9876543210' } })).rejects.toThrow(
      'is not signed with this token',
    );
    await expect(find({ token: { ...good, id: 'zzzzzz' } })).rejects.toThrow('knows no token "zzzzzz"');
  });

  it('is told when nobody answers', async () => {
    const nowhere = { server: '127.0.0.1:1', token: good, caHash: publicKeyHash(caPem), clock: systemClock };
    await expect(discover(nowhere, AbortSignal.timeout(300))).rejects.toThrow('https://127.0.0.1:1: connect');
  });
});

describe('a machine that joins', () => {
  it('has its certificate, its heartbeat key and what it is started with, for itself alone', async () => {
    const config = await becomeNode('new-1');
    expect(config).toMatchObject({ clusterDns: '10.96.0.10', detectors: '127.0.0.1:10260' });
    const file = (name: string): string => join(directory, 'new-1', name);
    expect(readFileSync(file('beat.key'), 'utf8')).toBe(deriveBeatKey(clusterKey, 'new-1').toString('hex'));
    for (const name of ['client.pem', 'beat.key', 'kubeconfig', 'ca.crt'])
      expect(statSync(file(name)).mode & 0o777, name).toBe(0o600);
    expect(existsSync(file('client.key.pending'))).toBe(false);
    const client = await connectAsNode(join(directory, 'new-1'), systemClock);
    const { body } = await client.request({
      ...{ method: 'POST', path: '/apis/authentication.k8s.io/v1/selfsubjectreviews' },
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(JSON.parse(body.toString()).status.userInfo).toMatchObject({
      ...{ username: 'system:node:new-1', groups: ['system:nodes', 'system:authenticated'] },
    });
    client.close();
  });

  it('goes on with the key that it had when it was interrupted', async () => {
    const key = createPrivateKeyPem();
    const client = withToken(good);
    await requestCertificate(clientOrder('new-2', key), { ...common, client }, longEnough());
    client.close();
    await mkdir(join(directory, 'new-2'), { recursive: true });
    await writeFile(join(directory, 'new-2', 'client.key.pending'), key);
    await becomeNode('new-2');
    expect(readFileSync(join(directory, 'new-2', 'client.pem'), 'utf8')).toContain(key.trim());
    const list = await admin.list(certificatesigningrequests);
    const name = requestName(clientOrder('new-2', key));
    expect(list.items.filter(({ metadata }) => metadata.name === name)).toHaveLength(1);
  });

  it('is told that its clock is wrong, before it starts anything', async () => {
    const wrong: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() - 3_600_000 };
    await expect(becomeNode('new-3', { clock: wrong })).rejects.toThrow("this machine's clock says");
    // Up to five minutes are as good as none.
    const slow: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() - 240_000 };
    await becomeNode('new-3', { clock: slow });
    expect(
      lifeOfCertificate(readFileSync(join(directory, 'new-3', 'client.pem'), 'utf8')).endMs,
    ).toBeGreaterThan(Date.now());
  });
});

describe('a stolen token', () => {
  it('does not become a node that is there, nor one that is just joining; a deleted one may come back', async () => {
    const metadata = { name: 'new-4' };
    await becomeNode('new-4');
    await expect(becomeNode('new-4', { place: 'thief' })).rejects.toThrow(
      /request "node-csr-\w+" of another machine that joins as "new-4" was approved/,
    );
    await admin.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata, spec: {} });
    await expect(becomeNode('new-4', { place: 'thief' })).rejects.toThrow('node "new-4" exists: delete it');
    await admin.delete(nodes, { name: 'new-4' });
    await eventually(() => becomeNode('new-4', { place: 'heir' }));
  });

  it('does not become an administrator', async () => {
    const client = withToken(good);
    const order = (changes: object) => ({ ...clientOrder('new-5', createPrivateKeyPem()), ...changes });
    const asked = [
      order({ organization: 'system:masters' }),
      order({ organization: 'system:masters', commonName: 'kubernetes-admin' }),
      order({ commonName: 'system:kube-scheduler' }),
      order({ signerName: 'kubernetes.io/kube-apiserver-client', organization: 'system:masters' }),
      order({ signerName: 'kubernetes.io/kubelet-serving', usages: ['server auth'], hosts: ['host-1'] }),
    ];
    const late = AbortSignal.timeout(1_500);
    for (const order of asked)
      await requestCertificate(order, { ...common, client }, late).then(
        () => expect.unreachable(`${order.organization} ${order.commonName} was signed`),
        () => undefined,
      );
    const list = await admin.list(certificatesigningrequests);
    const names = asked.map(requestName);
    const filed = list.items.filter(({ metadata }) => names.includes(metadata.name));
    expect(filed.length).toBeGreaterThan(0);
    for (const { status } of filed) expect(status?.certificate ?? '').toBe('');
    client.close();
  });

  it.each([
    ['GET', '/api/v1/nodes'],
    ['GET', '/api/v1/pods'],
    ['GET', '/api/v1/namespaces/kube-system/secrets'],
    ['GET', '/api/v1/namespaces/kube-system/secrets/bootstrap-token-abcdef'],
    ['GET', '/api/v1/namespaces/kube-node-lease/secrets/beat-key-new-1'],
    ['GET', '/api/v1/namespaces/kube-system/configmaps/coracle-node-config'],
    ['DELETE', '/apis/certificates.k8s.io/v1/certificatesigningrequests/x'],
    ['GET', '/metrics'],
  ] as const)('%s %s: 403', async (method, path) => {
    const client = withToken(good);
    expect((await client.request({ method, path })).status).toBe(403);
    client.close();
  });

  it('is of no use when it has ended or was deleted, and then nothing is signed with it', async () => {
    const ended: BootstrapToken = { id: 'ended0', secret: '0123456789abcdef' };
    await createToken(ended, { expiration: toTime(systemClock.nowMs() + 3_600_000) });
    const client = withToken(ended);
    const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
    expect((await client.request({ method: 'GET', path })).status).toBe(200);
    const stringData = { expiration: toTime(systemClock.nowMs() + 1_500) };
    const ref = { namespace: 'kube-system', name: 'bootstrap-token-ended0' };
    await admin.patch(secrets, ref, { type: 'merge', body: { stringData } });
    await eventually(async () => {
      expect((await client.request({ method: 'GET', path })).status).toBe(401);
      const secret = admin.get(secrets, ref);
      expect(isNotFound(await secret.catch((error: unknown) => error))).toBe(true);
      const info = await admin.get(configmaps, { namespace: clusterInfoNamespace, name: clusterInfoName });
      expect(Object.keys(info.data ?? {}).sort()).toEqual(['jws-kubeconfig-abcdef', 'kubeconfig']);
    });
    client.close();
  });
});

describe('a node', () => {
  const hourMs = 3_600_000;

  it('renews its certificate between 70 and 90 % of its life, with a new key', async () => {
    await becomeNode('new-6');
    const path = join(directory, 'new-6', 'client.pem');
    const first = readFileSync(path, 'utf8');
    const client = await connectAsNode(join(directory, 'new-6'), systemClock);
    const clock = new ManualClock(Date.now());
    const stop = new AbortController();
    let orderedMs: number | undefined;
    const order = (key: string) => {
      orderedMs = clock.nowMs();
      return clientOrder('new-6', key);
    };
    const rotation = new CertificateRotation({ ...common, clock, client, path, what: 'client', order });
    const ended = rotation.run(stop.signal);
    await rotation.ready;
    while (orderedMs === undefined) await tick(clock, hourMs / 4);
    await eventually(async () => {
      await tick(clock, 100);
      expect(readFileSync(path, 'utf8')).not.toBe(first);
    });
    const { beginMs, endMs } = lifeOfCertificate(first);
    const share = (orderedMs - beginMs) / (endMs - beginMs);
    expect(share).toBeGreaterThanOrEqual(0.7);
    expect(share).toBeLessThanOrEqual(0.92);
    stop.abort();
    await clock.advance(1);
    await ended;
    client.close();
    // What lies there now is a pair, and the node's.
    const renewed = await connectAsNode(join(directory, 'new-6'), systemClock);
    expect((await renewed.request({ method: 'GET', path: '/api/v1/nodes/new-6' })).status).toBe(404);
    renewed.close();
    expect(readFileSync(path, 'utf8').split('PRIVATE KEY')[1]).not.toBe(first.split('PRIVATE KEY')[1]);
  });

  it('that was off until its certificate had ended is told what to do, and joins again under its name', async () => {
    await becomeNode('new-8');
    const place = join(directory, 'new-8');
    const key = readFileSync(join(place, 'beat.key'), 'utf8');
    await writeFile(join(place, 'client.pem'), await endedCertificate());
    const flags = { certDir: place, nodeName: 'new-8', nodeIp: '10.1.1.8' };
    await expect(refuseEndedCertificate(flags, systemClock)).rejects.toMatchObject({
      code: 'NODE_CERTIFICATE_ENDED',
      message: expect.stringContaining('kubectl delete node new-8'),
    });
    const agent = spawn(
      process.execPath,
      [
        join(import.meta.dirname, '../../node-agent/main.ts'),
        ...[`--kubeconfig=${join(place, 'kubeconfig')}`, `--cert-dir=${place}`],
        ...['--node-name=new-8', '--node-ip=10.1.1.8', `--root-dir=${place}`, `--run-dir=${place}`],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let log = '';
    agent.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString();
    });
    const [code] = (await once(agent, 'exit')) as [number];
    expect(code).toBe(1);
    expect(log).toContain('the certificate of node new-8');
    // While its Node is there nobody takes its name, not even the machine itself: a human says so by deleting it.
    await admin.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'new-8' }, spec: {} });
    await expect(becomeNode('new-8')).rejects.toThrow('does not take this machine in');
    await admin.delete(nodes, { name: 'new-8' });
    await eventually(() => becomeNode('new-8'));
    await refuseEndedCertificate(flags, systemClock);
    expect(readFileSync(join(place, 'beat.key'), 'utf8')).toBe(key);
  });

  it('gets a certificate to serve with when its Node has the addresses, and only for those', async () => {
    await becomeNode('new-7');
    const client = await connectAsNode(join(directory, 'new-7'), systemClock);
    const order = (address: string) => servingOrder('new-7', [address], createPrivateKeyPem());
    const waiting = requestCertificate(order('10.1.1.7'), { ...common, client }, longEnough());
    const addresses = [{ type: 'InternalIP', address: '10.1.1.7' }];
    await client.create(nodes, {
      ...{ apiVersion: 'v1', kind: 'Node', metadata: { name: 'new-7' }, spec: {}, status: { addresses } },
    });
    expect(new X509Certificate(await waiting).subjectAltName).toBe('DNS:new-7, IP Address:10.1.1.7');
    const wrong = requestCertificate(order('10.1.1.8'), { ...common, client }, AbortSignal.timeout(700));
    await expect(wrong).rejects.toThrow();
    client.close();
  });

  it('follows the authority’s certificate, and believes none with another key', async () => {
    const own = join(directory, 'authority', 'ca.crt');
    await mkdir(join(directory, 'authority'));
    await writeFile(own, caPem);
    const ref = { namespace: clusterInfoNamespace, name: clusterInfoName };
    const tell = async (pem: string): Promise<unknown> => {
      const data = { [clusterInfoKey]: clusterInfoKubeconfig({ server: `https://${address}`, caPem: pem }) };
      return admin.patch(configmaps, ref, { type: 'merge', body: { data } });
    };
    const client = await connectAsNode(join(directory, 'new-6'), systemClock);
    const take = (): Promise<boolean> => takeAuthority({ path: own, client });
    expect(await take()).toBe(false);
    const stranger = await CertificateAuthority.open(join(directory, 'stranger'));
    await tell(stranger.certPem);
    await expect(take()).rejects.toThrow('an authority with another key');
    const later = await laterAuthority();
    await tell(later);
    expect(await take()).toBe(true);
    expect(readFileSync(own, 'utf8')).toBe(later);
    expect(publicKeyHash(later)).toBe(publicKeyHash(caPem));
    client.close();
  });
});

/** Of nobody, with a key: what matters is when it ended. */
async function endedCertificate(): Promise<string> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ name: 'CN=system:node:new-8', keys, signingAlgorithm: algorithm },
    ...{ notBefore: new Date('2026-01-01'), notAfter: new Date('2026-04-01') },
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return `${certificate.toString('pem')}\n-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`;
}

/** The authority's certificate, made anew a second later at least: times in certificates are whole seconds. */
function laterAuthority(): Promise<string> {
  return eventually(async () => {
    const renewed = await CertificateAuthority.open(join(server.directory, 'pki'), { renewAll: true });
    if (lifeOfCertificate(renewed.certPem).endMs <= lifeOfCertificate(caPem).endMs)
      throw new Error('not later');
    return renewed.certPem;
  });
}

/** Time passes when nobody waits for anything but the time. */
async function tick(clock: ManualClock, byMs: number): Promise<void> {
  await eventually(() => expect(clock.pendingTimers).toBeGreaterThan(0));
  await clock.advance(byMs);
}
