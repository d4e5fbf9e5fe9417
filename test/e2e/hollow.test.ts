import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Deployment } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { deployments, pods } from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { type ClosableApiClient, createApiClient } from '../../client/http-client.ts';
import { loadKubeconfig } from '../../client/kubeconfig.ts';
import { configOf, readIdentities } from '../../node-agent/hollow/identities-file.ts';
import { eventually } from '../support/eventually.ts';
import { must, TestCluster } from './cluster.ts';

const common = { clock: systemClock, logger: silentLogger, userAgent: 'hollow-test' };
const cluster = new TestCluster({ name: 'e2ehollow', port: 16_454 });
const replicas = 100;
const lost = ['hollow-7', 'hollow-8'];
let client: ClosableApiClient;

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up('--hosts', '0', '--hollow', '50'), 'deploy/up');
  client = createApiClient({ ...common, config: await loadKubeconfig(cluster.kubeconfig) });
});
afterAll(async () => {
  client?.close();
  must(await cluster.down(), 'deploy/down');
});

const isReady = (pod: Pod): boolean =>
  pod.metadata.deletionTimestamp === undefined &&
  (pod.status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') ?? false);

async function readyPods(): Promise<Pod[]> {
  const { items } = await client.list(pods, { namespace: 'default', labelSelector: 'app=wide' });
  return items.filter(isReady);
}

function wide(): NewObject<Deployment> {
  const labels = { app: 'wide' };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'wide', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [
            { name: 'main', image: 'nginx', resources: { requests: { cpu: '50m', memory: '32Mi' } } },
          ],
        },
      },
    },
  };
}

const stateOf = async (name: string): Promise<string[]> => {
  const rows = (await cluster.host('ls')).stdout.split('\n').map((row) => row.split(/\s+/));
  return rows.find(([first]) => first === name) ?? [];
};

it('spreads pods evenly over hollow nodes, each with an address of its node', async () => {
  expect(await stateOf('hollow-50')).toEqual(['hollow-50', 'hollow', 'running', 'Ready']);
  await client.create(deployments, wide());
  await eventually(async () => expect(await readyPods()).toHaveLength(replicas), 20_000);
  const placed = await readyPods();
  const counts = new Map<string, number>();
  for (const { spec } of placed) counts.set(spec.nodeName ?? '', (counts.get(spec.nodeName ?? '') ?? 0) + 1);
  expect(counts.size).toBe(50);
  expect(Math.max(...counts.values()) - Math.min(...counts.values())).toBeLessThanOrEqual(1);
  expect(new Set(placed.map(({ status }) => status?.podIP)).size).toBe(replicas);
});

/** Watches of all of a kind, as the API server counts them. */
async function watchesOf(resource: string): Promise<number> {
  const { body } = await client.request({ method: 'GET', path: '/metrics' });
  const lines = body.toString().split('\n');
  const of = (line: string): boolean =>
    line.startsWith('apiserver_longrunning_requests{') &&
    line.includes(`resource="${resource}"`) &&
    line.includes('scope="cluster"') &&
    line.includes('verb="WATCH"');
  return Number(lines.find(of)?.split(' ').at(-1) ?? 0);
}

const watched = ['nodes', 'peers', 'pods', 'services', 'endpointslices'];

async function expectWatches(): Promise<void> {
  for (const resource of watched) expect(await watchesOf(resource)).toBeGreaterThanOrEqual(50);
}

it('makes each a node of its own, with its own watches, that may not speak for another', async () => {
  await eventually(expectWatches);
  const file = join(cluster.state, 'pki/hollow/hollow-nodes-1.json');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const config = configOf(await readIdentities(file), 'hollow-1');
  const node = createApiClient({ ...common, config });
  const patch = async (path: string): Promise<number> => {
    const headers = { 'content-type': 'application/merge-patch+json' };
    return (await node.request({ method: 'PATCH', path, headers, body: '{}' })).status;
  };
  const podOf = async (name: string): Promise<string> => {
    const pod = (await readyPods()).find(({ spec }) => spec.nodeName === name);
    return `/api/v1/namespaces/default/pods/${pod?.metadata.name}/status`;
  };
  try {
    expect(await patch('/api/v1/nodes/hollow-1/status')).toBe(200);
    expect(await patch(await podOf('hollow-1'))).toBe(200);
    expect(await patch('/api/v1/nodes/hollow-2')).toBe(403);
    expect(await patch('/api/v1/nodes/hollow-2/status')).toBe(403);
    expect(await patch(await podOf('hollow-2'))).toBe(403);
    const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
    expect(await patch(`${leases}/hollow-2`)).toBe(403);
    await expect(node.list(pods)).rejects.toMatchObject({ code: 403 });
  } finally {
    node.close();
  }
});

it('replaces the pods of dead hollow nodes within 5 s, and takes the nodes back', async () => {
  const before = await Promise.all(watched.map(watchesOf));
  for (const name of lost) await cluster.host('kill', name);
  const killedMs = performance.now();
  await eventually(async () => {
    const ready = await readyPods();
    expect(ready.filter(({ spec }) => lost.includes(spec.nodeName ?? ''))).toEqual([]);
    expect(ready).toHaveLength(replicas);
  }, 10_000);
  expect(performance.now() - killedMs).toBeLessThan(5_000);
  expect(await stateOf('hollow-7')).toEqual(['hollow-7', 'hollow', 'dead', 'Unknown']);
  await eventually(async () => {
    const left = await Promise.all(watched.map(watchesOf));
    for (const [at, count] of left.entries()) expect(count).toBeLessThan(before[at] ?? 0);
  });
  for (const name of lost) await cluster.host('start', name);
  expect(await stateOf('hollow-7')).toEqual(['hollow-7', 'hollow', 'running', 'Ready']);
  // What was left Terminating on them is ended now.
  await eventually(async () => {
    const { items } = await client.list(pods, { namespace: 'default', labelSelector: 'app=wide' });
    expect(items).toHaveLength(replicas);
  }, 10_000);
  await eventually(expectWatches);
});
