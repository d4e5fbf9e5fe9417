import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod, ResourceQuota } from '../../api/generated/core-v1.ts';
import { configmaps, namespaces, pods, resourcequotas, services } from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import { isForbidden } from '../../api/status-error.ts';
import type { ApiClient } from '../../client/client.ts';
import { ApiServerProcess } from '../support/api-server-process.ts';
import { EtcdProcess } from '../support/etcd-process.ts';
import { eventually } from '../support/eventually.ts';
import { ensureServiceAccount } from '../support/service-account.ts';
import { TestControllers } from '../support/test-controllers.ts';

/** Two servers on one store, and the controllers. */
let etcd: EtcdProcess;
let server: ApiServerProcess;
let clients: ApiClient[];
let admin: ApiClient;
let controllers: TestControllers;

beforeAll(async () => {
  etcd = await EtcdProcess.start();
  server = await ApiServerProcess.start({ etcdServers: etcd.url });
  await server.launch();
  // Connections are spread over the servers: more clients than servers reach both.
  clients = await Promise.all(Array.from({ length: 8 }, () => server.client()));
  [admin] = clients as [ApiClient];
  controllers = TestControllers.start(await server.client('controllers'));
});
afterAll(async () => {
  await controllers?.stop();
  await server?.stop();
  await etcd?.stop();
});

async function aNamespace(name: string, hard: Record<string, string>): Promise<void> {
  await admin.create(namespaces, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name },
    spec: {},
    status: {},
  });
  await ensureServiceAccount(admin, name);
  await admin.create(resourcequotas, {
    ...{ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q', namespace: name } },
    spec: { hard },
  });
  await untilUsed(name, Object.fromEntries(Object.keys(hard).map((key) => [key, '0'])));
}

const quotaOf = (namespace: string): Promise<ResourceQuota> =>
  admin.get(resourcequotas, { namespace, name: 'q' });

const untilUsed = (namespace: string, used: Record<string, string>): Promise<void> =>
  eventually(async () => expect((await quotaOf(namespace)).status?.used).toEqual(used));

const aPod = (namespace: string, name: string): NewObject<Pod> => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace },
  spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '100m' } } }] },
});

async function outcomes(creating: readonly Promise<unknown>[]): Promise<{ made: number; refused: number }> {
  const settled = await Promise.allSettled(creating);
  const lost = settled.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
  expect(lost.filter((error) => !isForbidden(error))).toEqual([]);
  return { made: settled.length - lost.length, refused: lost.length };
}

describe('a quota', () => {
  it('lets exactly 50 of 200 in that come at once through two servers, and knows it', async () => {
    const namespace = 'race';
    await aNamespace(namespace, { pods: '50', 'requests.cpu': '100' });
    const creating = Array.from({ length: 200 }, (_, at) =>
      (clients[at % clients.length] as ApiClient).create(pods, aPod(namespace, `p-${at}`)),
    );
    expect(await outcomes(creating)).toEqual({ made: 50, refused: 150 });
    expect((await admin.list(pods, { namespace })).items).toHaveLength(50);
    expect((await quotaOf(namespace)).status?.used).toEqual({ pods: '50', 'requests.cpu': '5' });
  });

  it('gives back what deleted pods took, and is filled again to the last', async () => {
    const namespace = 'refill';
    await aNamespace(namespace, { pods: '5', 'count/configmaps': '3' });
    await Promise.all([0, 1, 2, 3, 4].map((at) => admin.create(pods, aPod(namespace, `p-${at}`))));
    await admin.delete(pods, { namespace, name: 'p-0' }, { gracePeriodSeconds: 0 });
    await admin.delete(pods, { namespace, name: 'p-1' }, { gracePeriodSeconds: 0 });
    await untilUsed(namespace, { pods: '3', 'count/configmaps': '0' });
    const creating = Array.from({ length: 20 }, (_, at) =>
      (clients[at % clients.length] as ApiClient).create(pods, aPod(namespace, `again-${at}`)),
    );
    expect(await outcomes(creating)).toEqual({ made: 2, refused: 18 });
  });

  it('is never exceeded while pods come and go and the controller counts', async () => {
    const namespace = 'churn';
    await aNamespace(namespace, { pods: '10' });
    const churn = async (client: ApiClient, who: number): Promise<void> => {
      for (let round = 0; round < 12; round += 1) {
        const name = `p-${who}-${round}`;
        try {
          await client.create(pods, aPod(namespace, name));
        } catch (error) {
          if (!isForbidden(error)) throw error;
          continue;
        }
        const { items } = await client.list(pods, { namespace });
        expect(items.length).toBeLessThanOrEqual(10);
        await client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0 });
      }
    };
    await Promise.all(Array.from({ length: 24 }, (_, who) => churn(clients[who % 8] as ApiClient, who)));
    await untilUsed(namespace, { pods: '0' });
  });

  it('charges only what is stored: a name that is taken costs nothing', async () => {
    const namespace = 'taken';
    await aNamespace(namespace, { 'count/configmaps': '10' });
    const before = Number((await quotaOf(namespace)).status?.used?.['count/configmaps']);
    const config = {
      apiVersion: 'v1' as const,
      kind: 'ConfigMap' as const,
      metadata: { name: 'a', namespace },
    };
    const creating = Array.from({ length: 6 }, (_, at) =>
      (clients[at] as ApiClient).create(configmaps, config),
    );
    const made = (await Promise.allSettled(creating)).filter(({ status }) => status === 'fulfilled');
    expect(made).toHaveLength(1);
    expect(Number((await quotaOf(namespace)).status?.used?.['count/configmaps'])).toBe(before + 1);
  });

  it('counts what an update adds, and a dry run not at all', async () => {
    const namespace = 'ports';
    await aNamespace(namespace, { 'services.nodeports': '1' });
    const service = await admin.create(services, {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 's', namespace } },
      spec: { ports: [{ port: 80 }], selector: { a: 'b' } },
    });
    const typed = { ...service, spec: { ...service.spec, type: 'NodePort' } };
    const dry = await admin.update(services, typed, { dryRun: true });
    expect((await quotaOf(namespace)).status?.used).toEqual({ 'services.nodeports': '0' });
    await admin.update(services, { ...typed, metadata: { ...dry.metadata } });
    expect((await quotaOf(namespace)).status?.used).toEqual({ 'services.nodeports': '1' });
    const second = {
      ...typed,
      metadata: { name: 't', namespace },
      spec: { type: 'NodePort', ports: [{ port: 81 }] },
    };
    await expect(admin.create(services, second)).rejects.toThrow(
      'services "t" is forbidden: exceeded quota: q, requested: services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1',
    );
  });

  it('survives a server that is killed in the middle: what is charged is what is there', async () => {
    const namespace = 'crash';
    await aNamespace(namespace, { pods: '40' });
    const creating = Array.from({ length: 120 }, (_, at) =>
      (clients[at % clients.length] as ApiClient).create(pods, aPod(namespace, `p-${at}`)),
    );
    const settled = Promise.allSettled(creating);
    const victim = server.pid(1);
    await eventually(async () => expect((await quotaOf(namespace)).status?.used?.['pods']).not.toBe('0'));
    if (victim !== undefined) process.kill(victim, 'SIGKILL');
    await settled;
    const present = (await admin.list(pods, { namespace })).items.length;
    expect(present).toBeLessThanOrEqual(40);
    expect((await quotaOf(namespace)).status?.used).toEqual({ pods: String(present) });
  });
});
