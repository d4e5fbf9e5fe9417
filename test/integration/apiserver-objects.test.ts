import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigMap, Namespace } from '../../api/generated/core-v1.ts';
import { configmaps, deployments, jobs, namespaces, pods } from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import { isAlreadyExists, isConflict, isExpired, isForbidden, isNotFound } from '../../api/status-error.ts';
import { MemoryStorage } from '../../apiserver/storage/memory-storage.ts';
import { delay, systemClock } from '../../base/clock.ts';
import type { ClosableApiClient } from '../../client/http-client.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { ensureServiceAccount } from '../support/service-account.ts';

/** As far away as etcd: what comes at once is under way at once. */
class DistantStorage extends MemoryStorage {
  override async commit(...args: Parameters<MemoryStorage['commit']>): ReturnType<MemoryStorage['commit']> {
    await delay(systemClock, 2);
    return super.commit(...args);
  }
}

let server: TestApiServer;
let admin: ClosableApiClient;

beforeAll(async () => {
  server = await startApiServer(['host-1'], new DistantStorage());
  admin = await server.clientAs('admin');
  await ensureServiceAccount(admin);
});
afterAll(() => server.stop());

const aConfigMap = (name: string, data: Record<string, string> = {}): NewObject<ConfigMap> => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
});

const aNamespace = (name: string): NewObject<Namespace> => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name },
  spec: {},
  status: {},
});

async function rejection(running: Promise<unknown>): Promise<unknown> {
  try {
    await running;
  } catch (error) {
    return error;
  }
  throw new Error('was not refused');
}

test('an object is made once, with identity from the server', async () => {
  const made = await admin.create(configmaps, aConfigMap('once', { a: '1' }));
  expect(made.metadata).toMatchObject({ name: 'once', uid: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  expect(Date.parse(made.metadata.creationTimestamp)).toBeGreaterThan(0);
  expect(isAlreadyExists(await rejection(admin.create(configmaps, aConfigMap('once'))))).toBe(true);
});

test('generateName gives each its own name', async () => {
  const metadata = { generateName: 'many-', namespace: 'default' };
  const made = await Promise.all(
    Array.from({ length: 20 }, () =>
      admin.create(configmaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata }),
    ),
  );
  expect(new Set(made.map((object) => object.metadata.name)).size).toBe(20);
});

test('a Job labels its pods with the name that it was given', async () => {
  const containers = [{ name: 'c', image: 'nginx' }];
  const job = await admin.create(jobs, {
    ...{ apiVersion: 'batch/v1', kind: 'Job', metadata: { generateName: 'named-', namespace: 'default' } },
    spec: { template: { spec: { restartPolicy: 'Never', containers } } },
  });
  expect(job.spec.template.metadata?.labels).toMatchObject({
    'batch.kubernetes.io/job-name': job.metadata.name,
    'job-name': job.metadata.name,
  });
});

test('of two updates from one version one wins', async () => {
  const made = await admin.create(configmaps, aConfigMap('contested'));
  const next = (value: string): ConfigMap => ({ ...made, data: { value } });
  const outcomes = await Promise.allSettled([
    admin.update(configmaps, next('a')),
    admin.update(configmaps, next('b')),
  ]);
  const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
  expect(lost).toHaveLength(1);
  expect(isConflict(lost[0]?.reason)).toBe(true);
});

test('concurrent patches all arrive', async () => {
  await admin.create(configmaps, aConfigMap('patched'));
  const ref = { namespace: 'default', name: 'patched' };
  const keys = Array.from({ length: 40 }, (_, at) => `key-${10 + at}`);
  await Promise.all(
    keys.map((key) => admin.patch(configmaps, ref, { type: 'merge', body: { data: { [key]: key } } })),
  );
  expect(Object.keys((await admin.get(configmaps, ref)).data ?? {}).sort()).toEqual(keys);
});

test('concurrent applies of what is not there yet all arrive', async () => {
  const keys = Array.from({ length: 8 }, (_, at) => `key-${at}`);
  const apply = (key: string): Promise<{ readonly status: number }> =>
    admin.request({
      method: 'PATCH',
      path: `/api/v1/namespaces/default/configmaps/applied?fieldManager=${key}`,
      body: JSON.stringify(aConfigMap('applied', { [key]: key })),
      headers: { 'content-type': 'application/apply-patch+yaml' },
    });
  const answers = await Promise.all(keys.map(apply));
  expect(answers.map(({ status }) => status).sort()).toEqual([...Array(7).fill(200), 201]);
  const { data } = await admin.get(configmaps, { namespace: 'default', name: 'applied' });
  expect(Object.keys(data ?? {}).sort()).toEqual(keys);
});

test('a dry run changes nothing', async () => {
  await admin.create(configmaps, aConfigMap('dry'), { dryRun: true });
  const ref = { namespace: 'default', name: 'dry' };
  expect(isNotFound(await rejection(admin.get(configmaps, ref)))).toBe(true);
});

test('a client reads its own writes at once', async () => {
  for (let round = 0; round < 20; round += 1) {
    const name = `own-${round}`;
    await admin.create(configmaps, aConfigMap(name));
    const read = await admin.get(configmaps, { namespace: 'default', name });
    expect(read.metadata.name).toBe(name);
  }
});

test('pages of a list are of one moment', async () => {
  const namespace = 'paged';
  await admin.create(namespaces, aNamespace(namespace));
  const make = (name: string): Promise<unknown> =>
    admin.create(configmaps, { ...aConfigMap(name), metadata: { name, namespace } });
  for (const name of ['a', 'b', 'c', 'd']) await make(name);
  const first = await admin.list(configmaps, { namespace, limit: 2 });
  await make('cc');
  const rest = await admin.list(configmaps, { namespace, limit: 10, continue: first.continue });
  expect([...first.items, ...rest.items].map(({ metadata }) => metadata.name)).toEqual(['a', 'b', 'c', 'd']);
  expect(rest.resourceVersion).toBe(first.resourceVersion);
});

test('a watch from a version that is gone is told so', async () => {
  const watch = admin.watch(configmaps, { resourceVersion: '1' }, AbortSignal.timeout(5_000));
  const error = await rejection(
    (async () => {
      for await (const _event of watch) break;
    })(),
  );
  expect(isExpired(error)).toBe(true);
});

test('a bound pod ends in its own time, by the word of its node', async () => {
  const metadata = { name: 'ending', namespace: 'default' };
  const spec = { nodeName: 'host-1', containers: [{ name: 'c', image: 'nginx' }] };
  await admin.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
  await admin.delete(pods, metadata);
  expect((await admin.get(pods, metadata)).metadata.deletionGracePeriodSeconds).toBe(30);
  await admin.delete(pods, metadata, { gracePeriodSeconds: 0 });
  expect(isNotFound(await rejection(admin.get(pods, metadata)))).toBe(true);
});

test('pods get their account, its token, tolerations and a priority', async () => {
  const metadata = { name: 'admitted', namespace: 'default' };
  const spec = { containers: [{ name: 'c', image: 'nginx' }] };
  const pod = await admin.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
  expect(pod.spec).toMatchObject({ serviceAccountName: 'default', priority: 0 });
  expect(pod.spec?.tolerations?.map(({ key }) => key)).toEqual([
    'node.kubernetes.io/not-ready',
    'node.kubernetes.io/unreachable',
  ]);
  expect(pod.spec?.volumes?.[0]?.name).toMatch(/^kube-api-access-/);
});

test('scale reads and writes the replicas of a workload', async () => {
  const metadata = { name: 'scaled', namespace: 'default' };
  const template = {
    metadata: { labels: { app: 'x' } },
    spec: { containers: [{ name: 'c', image: 'nginx' }] },
  };
  const spec = { replicas: 2, selector: { matchLabels: { app: 'x' } }, template };
  await admin.create(deployments, { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec });
  await admin.patch(
    deployments,
    metadata,
    { type: 'merge', body: { spec: { replicas: 5 } } },
    { subresource: 'scale' },
  );
  const read = await admin.get(deployments, metadata);
  expect(read).toMatchObject({ spec: { replicas: 5 }, metadata: { generation: 2 } });
});

test('nothing is made in a namespace that ends', async () => {
  const name = 'ending-namespace';
  await admin.create(namespaces, aNamespace(name));
  await admin.delete(namespaces, { name });
  const error = await rejection(
    admin.create(configmaps, { ...aConfigMap('late'), metadata: { name: 'late', namespace: name } }),
  );
  expect(isForbidden(error)).toBe(true);
});
