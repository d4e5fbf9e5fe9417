import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Forecast } from '../../kubectl-lite/placement/forecast.ts';
import { eventually } from '../support/eventually.ts';
import { runKubectlLite } from '../support/kubectl-lite.ts';
import { SchedulerCluster } from '../support/scheduler-cluster.ts';

const directory = mkdtempSync(join(tmpdir(), 'coracle-what-if-'));
const file = join(directory, 'workload.json');
let cluster: SchedulerCluster;

async function run(...args: readonly string[]): Promise<string> {
  const { out, err, code } = await runKubectlLite(cluster.server.kubeconfig('admin'), args);
  expect([code, err]).toEqual([0, '']);
  return out;
}

const whatIf = async (...args: readonly string[]): Promise<Forecast> =>
  JSON.parse(await run('what-if', ...args, '-o', 'json')) as Forecast;

function write(kind: string, name: string, { replicas = 1, cpu = '1' } = {}): void {
  const labels = { app: name };
  const containers = [{ name: 'c', image: 'nginx', resources: { requests: { cpu } } }];
  const template = { metadata: { labels }, spec: { containers } };
  const spec = { replicas, selector: { matchLabels: labels }, template };
  writeFileSync(file, JSON.stringify({ apiVersion: 'apps/v1', kind, metadata: { name }, spec }));
}

/** Everything that a forecast could have changed. */
const stored = (): Promise<string> => run('get', 'pods,replicasets,deployments,nodes', '-o', 'json');

beforeAll(async () => {
  cluster = await SchedulerCluster.start();
  for (const name of ['a', 'b']) await cluster.addNode({ name, cpu: '4' });
});
afterAll(async () => {
  await cluster.stop();
  rmSync(directory, { recursive: true, force: true });
});

test('what-if apply places a new workload as far as it fits, with the server’s defaults, and stores nothing', async () => {
  write('ReplicaSet', 'web', { replicas: 4, cpu: '2500m' });
  const before = await stored();
  const found = await whatIf('apply', '-f', file);
  expect(found.moves.map(({ to }) => to).sort()).toEqual(['a', 'b']);
  expect(found.pending.map(({ message }) => message)).toEqual(
    Array.from({ length: 2 }, () => expect.stringMatching(/^0\/2 nodes are available: 2 Insufficient cpu\./)),
  );
  expect(found.loads.after['a']).toMatchObject({ cpuMillis: 2_500, pods: 1 });
  expect(await stored()).toBe(before);
});

test('what-if apply and scale of what is there count the difference only', async () => {
  write('ReplicaSet', 'web', { replicas: 2 });
  await run('create', '-f', file);
  const { uid } = (JSON.parse(await run('get', 'rs', 'web', '-o', 'json')) as { metadata: { uid: string } })
    .metadata;
  for (const name of ['web-1', 'web-2'])
    await cluster.addPod({ name, owner: uid, cpu: '1', labels: { app: 'web' } });
  await eventually(() =>
    expect([cluster.nodeOf('web-1'), cluster.nodeOf('web-2')].sort()).toEqual(['a', 'b']),
  );
  const before = await stored();
  expect((await whatIf('apply', '-f', file)).moves).toEqual([]);
  const more = await whatIf('scale', 'rs/web', '--replicas=5');
  expect(more.moves).toHaveLength(3);
  const added = more.moves.map(({ to }) => to).sort();
  expect([added[0], added[2]]).toEqual(['a', 'b']);
  expect((await whatIf('scale', 'rs/web', '--replicas=1')).gone).toHaveLength(1);
  write('ReplicaSet', 'web', { replicas: 2, cpu: '3' });
  const other = await whatIf('apply', '-f', file);
  expect([other.moves.length, other.gone.length, other.pending]).toEqual([2, 2, []]);
  expect(await stored()).toBe(before);
});
