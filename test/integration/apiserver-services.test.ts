import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Service } from '../../api/generated/core-v1.ts';
import { services } from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import { StatusError } from '../../api/status-error.ts';
import { ApiServer } from '../../apiserver/api-server.ts';
import { parseFlags } from '../../apiserver/flags.ts';
import { EtcdStorage } from '../../apiserver/storage/etcd/etcd-storage.ts';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import { type ClosableApiClient, createApiClient } from '../../client/http-client.ts';
import { loadKubeconfig } from '../../client/kubeconfig.ts';
import { testLogger } from '../support/api-server.ts';
import { EtcdProcess } from '../support/etcd-process.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { createTestPki } from '../support/test-pki.ts';

/** A range with room for 14 addresses, so that two servers meet at each of them. */
const range = '10.99.0.0/28';
const common = { clock: systemClock, random: systemRandom, logger: testLogger };
const stopping = new AbortController();
const running: Promise<void>[] = [];
const clients: ClosableApiClient[] = [];
let directory: string;
let etcd: EtcdProcess;

async function startServer(): Promise<void> {
  const port = await freePort();
  const pki = await createTestPki({ directory, port, nodes: [] });
  const flags = parseFlags([
    ...pki.apiserverFlags,
    `--secure-port=${port}`,
    `--etcd-servers=${etcd.url}`,
    `--service-cluster-ip-range=${range}`,
    '--service-node-port-range=30000-30009',
  ]);
  const storage = new EtcdStorage({ endpoints: [etcd.url], logger: testLogger });
  running.push(new ApiServer({ ...common, flags, storage }).run(stopping.signal));
  const config = await loadKubeconfig(join(directory, 'admin.kubeconfig'));
  const client = createApiClient({ ...common, config, userAgent: 'test' });
  clients.push(client);
  await eventually(async () => {
    const { status } = await client.request({ method: 'GET', path: '/readyz' });
    if (status !== 200) throw new Error(`/readyz: HTTP status ${status}`);
  });
}

beforeAll(async () => {
  etcd = await EtcdProcess.start();
  directory = await mkdtemp(join(tmpdir(), 'coracle-services-'));
  await startServer();
  await startServer();
});
afterAll(async () => {
  stopping.abort();
  await Promise.all(running);
  for (const client of clients) client.close();
  await etcd.stop();
  await rm(directory, { recursive: true, force: true });
});

const aService = (name: string, spec: Partial<Service['spec']> = {}): NewObject<Service> => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { selector: { app: name }, ports: [{ port: 80 }], ...spec },
  status: {},
});

function clientOf(at: number): ClosableApiClient {
  const client = clients[at % 2];
  if (client === undefined) throw new Error('no client');
  return client;
}

test('two servers never give out one address, and a full range says so', async () => {
  const wanted = Array.from({ length: 16 }, (_, at) => clientOf(at).create(services, aService(`s-${at}`)));
  const outcomes = await Promise.allSettled(wanted);
  const made = outcomes.filter((outcome) => outcome.status === 'fulfilled').map(({ value }) => value);
  const addresses = made.map(({ spec }) => spec.clusterIP);
  expect(new Set(addresses).size).toBe(made.length);
  // One of the 14 is the `kubernetes` Service's.
  expect(made).toHaveLength(13);
  expect(addresses).not.toContain('10.99.0.1');
  const refused = outcomes.find((outcome) => outcome.status === 'rejected');
  expect(String(refused?.reason)).toContain('range is full');
});

test('an address is free again when its Service is gone', async () => {
  const { items } = await clientOf(0).list(services, { namespace: 'default' });
  const holder = items.find(({ metadata }) => metadata.name.startsWith('s-'));
  const clusterIP = holder?.spec.clusterIP ?? '';
  await clientOf(0).delete(services, { namespace: 'default', name: holder?.metadata.name ?? '' });
  const taken = await clientOf(1).create(services, aService('next', { clusterIP }));
  expect(taken.spec.clusterIP).toBe(clusterIP);
  const again = clientOf(0).create(services, aService('again', { clusterIP }));
  await expect(again).rejects.toThrow(StatusError);
});

test('node ports are handed out once', async () => {
  const { items } = await clientOf(0).list(services, { namespace: 'default' });
  const chosen = items.filter(({ metadata }) => metadata.name !== 'kubernetes').slice(0, 10);
  const patched = await Promise.all(
    chosen.map(({ metadata }, at) =>
      clientOf(at).patch(
        services,
        { namespace: 'default', name: metadata.name },
        { type: 'merge', body: { spec: { type: 'NodePort' } } },
      ),
    ),
  );
  const ports = patched.map(({ spec }) => spec.ports?.[0]?.nodePort);
  expect(new Set(ports).size).toBe(10);
});
