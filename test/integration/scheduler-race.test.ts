/** Schedulers without a common leader that bind at once, through two API servers on one etcd. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import { pods } from '../../api/generated/resources.ts';
import type { ClosableApiClient } from '../../client/http-client.ts';
import { ApiServerProcess } from '../support/api-server-process.ts';
import { eventually } from '../support/eventually.ts';
import { SchedulerCluster } from '../support/scheduler-cluster.ts';

const schedulers = ['red', 'green', 'blue'];
let cluster: SchedulerCluster | undefined;
let second: ApiServerProcess | undefined;
const clients: ClosableApiClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await cluster?.stop();
  await second?.stop();
  cluster = undefined;
  second = undefined;
});

const profile = (schedulerName: string) => ({
  schedulerName,
  strategy: 'least-loaded' as const,
  choices: { disabled: { filter: new Set<string>(), score: new Set<string>() }, weights: new Map() },
});
const isRefused = (pod: Pod | undefined): boolean =>
  pod?.status?.conditions?.some(({ reason }) => reason === 'Unschedulable') ?? false;

describe('schedulers that race over bulk binding', () => {
  it('fill nodes to the brim and never above, one pod a node where pods keep apart', async () => {
    cluster = await SchedulerCluster.start({ configured: [profile('red')] });
    second = await ApiServerProcess.start({ etcdServers: cluster.etcdUrl });
    await cluster.addScheduler({ configured: [profile('green')] });
    const other = await second.client('scheduler');
    clients.push(other);
    await cluster.addScheduler({ client: other, configured: [profile('blue')] });
    const nodes = Array.from({ length: 12 }, (_, i) => `n${i}`);
    for (const name of nodes) await cluster.addNode({ name, cpu: '10', pods: 50 });
    const { client } = cluster;
    const fillers = Array.from({ length: 140 }, (_, i) => `fill-${i}`);
    const loners = Array.from({ length: 16 }, (_, i) => `lone-${i}`);
    const antiAffinity = {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'lone' } } },
      ],
    };
    const create = (name: string, i: number): Promise<unknown> => {
      const isLoner = name.startsWith('lone');
      const spec = {
        schedulerName: schedulers[i % schedulers.length] as string,
        ...(isLoner ? { affinity: { podAntiAffinity: antiAffinity } } : {}),
      };
      return cluster?.addPod({
        name,
        labels: { app: isLoner ? 'lone' : 'fill' },
        cpu: '1',
        spec,
      }) as Promise<Pod>;
    };
    const names = fillers.flatMap((name, i) => (loners[i] === undefined ? [name] : [loners[i], name]));
    await Promise.all(names.map(create));
    await eventually(() => {
      const open = names.filter(
        (name) => cluster?.nodeOf(name) === undefined && !isRefused(cluster?.pod(name)),
      );
      expect(open).toEqual([]);
      // 120 places for 156 pods: all are taken, at last by pods that were told no while another's claim stood.
      expect(names.filter((name) => cluster?.nodeOf(name) !== undefined)).toHaveLength(120);
    }, 30_000);
    const { items } = await client.list(pods, { namespace: 'default' });
    const placed = items.filter(({ spec }) => spec.nodeName !== undefined);
    for (const node of nodes) {
      const here = placed.filter(({ spec }) => spec.nodeName === node);
      expect(here.length, node).toBeLessThanOrEqual(10);
      expect(here.filter(({ metadata }) => metadata.labels?.['app'] === 'lone').length).toBeLessThanOrEqual(
        1,
      );
    }
    expect(placed).toHaveLength(120);
  });
});
