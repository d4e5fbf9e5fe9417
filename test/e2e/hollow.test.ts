import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Deployment } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { deployments, pods } from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { type ClosableApiClient, createApiClient } from '../../client/http-client.ts';
import { loadKubeconfig } from '../../client/kubeconfig.ts';
import { eventually } from '../support/eventually.ts';
import { must, TestCluster } from './cluster.ts';

const cluster = new TestCluster({ name: 'e2ehollow', port: 16_454 });
const replicas = 100;
const lost = ['hollow-7', 'hollow-8'];
let client: ClosableApiClient;

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up('--hosts', '0', '--hollow', '50'), 'deploy/up');
  client = createApiClient({
    config: await loadKubeconfig(cluster.kubeconfig),
    clock: systemClock,
    logger: silentLogger,
    userAgent: 'hollow-test',
  });
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

it('replaces the pods of dead hollow nodes within 5 s, and takes the nodes back', async () => {
  for (const name of lost) await cluster.host('kill', name);
  const killedMs = performance.now();
  await eventually(async () => {
    const ready = await readyPods();
    expect(ready.filter(({ spec }) => lost.includes(spec.nodeName ?? ''))).toEqual([]);
    expect(ready).toHaveLength(replicas);
  }, 10_000);
  expect(performance.now() - killedMs).toBeLessThan(5_000);
  expect(await stateOf('hollow-7')).toEqual(['hollow-7', 'hollow', 'dead', 'Unknown']);
  for (const name of lost) await cluster.host('start', name);
  expect(await stateOf('hollow-7')).toEqual(['hollow-7', 'hollow', 'running', 'Ready']);
  // What was left Terminating on them is ended now.
  await eventually(async () => {
    const { items } = await client.list(pods, { namespace: 'default', labelSelector: 'app=wide' });
    expect(items).toHaveLength(replicas);
  }, 10_000);
});
