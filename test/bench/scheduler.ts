/** Placements of the pure core, and bindings through the API server: `node test/bench/scheduler.ts`. Nothing is judged. */
import { nodes, pods } from '../../api/generated/resources.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { systemRandom } from '../../base/random.ts';
import { Informer } from '../../client/informer.ts';
import { Cluster } from '../../scheduler/cache/cluster.ts';
import { PlacementIndex } from '../../scheduler/cache/placement-index.ts';
import { PodClasses } from '../../scheduler/framework/pod-class.ts';
import { defaultPlugins } from '../../scheduler/plugin-registry.ts';
import { schedule } from '../../scheduler/schedule.ts';
import { runScheduler } from '../../scheduler/scheduler.ts';
import { leastLoaded } from '../../scheduler/strategies/least-loaded.ts';
import { ApiServerProcess } from '../support/api-server-process.ts';
import { EtcdProcess } from '../support/etcd-process.ts';
import { eventually } from '../support/eventually.ts';
import { aNode, aPod, type PodDraft } from '../support/scheduling-objects.ts';
import { ensureServiceAccount } from '../support/service-account.ts';

const zones = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'];

interface Workload {
  readonly name: string;
  readonly pods: number;
  readonly draft: (i: number) => PodDraft;
}

const spread = {
  maxSkew: 5,
  topologyKey: 'zone',
  whenUnsatisfiable: 'DoNotSchedule',
  labelSelector: { matchLabels: { app: 'x' } },
};
const antiAffinity = {
  podAntiAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [
      { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'x' } } },
    ],
  },
};

const workloads: readonly Workload[] = [
  { name: 'basic, one owner', pods: 20_000, draft: () => ({ owner: 'x' }) },
  { name: 'basic, 35 owners in turn', pods: 20_000, draft: (i) => ({ owner: `owner-${i % 35}` }) },
  {
    name: 'topology spreading by zone',
    pods: 300,
    draft: () => ({ labels: { app: 'x' }, spec: { topologySpreadConstraints: [spread] } }),
  },
  {
    name: 'anti-affinity by host',
    pods: 300,
    draft: () => ({ labels: { app: 'x' }, spec: { affinity: antiAffinity } }),
  },
];

function placementsPerCpuSecond(nodeCount: number, workload: Workload): number {
  const cluster = new Cluster();
  for (let i = 0; i < nodeCount; i += 1)
    cluster.setNode(
      aNode({ name: `n${i}`, cpu: '64', pods: 100_000, labels: { zone: zones[i % 10] ?? 'a' } }),
    );
  const context = { cluster, plugins: defaultPlugins, index: new PlacementIndex(cluster, defaultPlugins) };
  const classes = new PodClasses();
  const queue = Array.from({ length: Math.min(workload.pods, nodeCount * 1_000) }, (_, i) =>
    aPod({ cpu: '1m', memory: '1Ki', ...workload.draft(i) }),
  );
  const before = process.cpuUsage();
  let placed = 0;
  for (const pod of queue) {
    const podClass = classes.of(pod);
    const node = schedule(context, podClass, leastLoaded);
    if (node === undefined) continue;
    placed += 1;
    const { uid, name } = pod.metadata;
    cluster.setPod({ uid, name, podClass, nodeName: node.name, isLive: true, isAssumed: true });
  }
  const { user, system } = process.cpuUsage(before);
  return Math.round((placed * 1e6) / (user + system));
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

async function throughTheApi(): Promise<void> {
  const etcd = await EtcdProcess.start();
  const server = await ApiServerProcess.start({ etcdServers: etcd.url });
  try {
    await measureBindings(server);
  } finally {
    await server.stop();
    await etcd.stop();
  }
}

async function measureBindings(server: ApiServerProcess): Promise<void> {
  const abort = new AbortController();
  const { signal } = abort;
  const client = await server.client();
  await ensureServiceAccount(client);
  const common = { clock: systemClock, random: systemRandom, logger: silentLogger };
  const bound = new Map<string, number>();
  const informer = new Informer({ ...common, client, type: pods });
  informer.addHandler({
    onAdd: ({ metadata, spec }) =>
      void (spec.nodeName !== undefined && bound.set(metadata.name, performance.now())),
    onUpdate: (_, { metadata, spec }) =>
      void (
        spec.nodeName !== undefined &&
        !bound.has(metadata.name) &&
        bound.set(metadata.name, performance.now())
      ),
  });
  const scheduler = {
    ...common,
    client: await server.client('scheduler'),
    strategy: 'least-loaded',
  } as const;
  const running = [informer.run(signal), runScheduler({ ...scheduler, identity: 'bench' }, signal)];
  const bare = <T extends { metadata: object }>(object: T): T => ({
    ...object,
    metadata: {
      ...object.metadata,
      uid: undefined,
      resourceVersion: undefined,
      creationTimestamp: undefined,
    },
  });
  for (let i = 0; i < 50; i += 1) {
    const node = aNode({ name: `n${i}`, cpu: '64', pods: 1_000 });
    const created = await client.create(nodes, bare(node));
    // A new node is tainted until the node lifecycle controller sees it ready; here there is none.
    const untainted = await client.update(nodes, { ...created, spec: node.spec });
    await client.update(nodes, { ...untainted, status: node.status }, { subresource: 'status' });
  }
  const add = (name: string) => client.create(pods, bare(aPod({ name, cpu: '1m', owner: 'bench' })));
  const latencies: number[] = [];
  for (let i = 0; i < 200; i += 1) {
    const startMs = performance.now();
    await add(`one-${i}`);
    await eventually(() => {
      if (!bound.has(`one-${i}`)) throw new Error('not bound yet');
    });
    latencies.push((bound.get(`one-${i}`) ?? Number.NaN) - startMs);
  }
  const [p50, p99] = [percentile(latencies, 0.5), percentile(latencies, 0.99)];
  console.log(`one pod, create sent -> bound seen      p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
  const count = 2_000;
  const startMs = performance.now();
  await Promise.all(Array.from({ length: count }, (_, i) => add(`many-${i}`)));
  const createdMs = performance.now() - startMs;
  await eventually(() => {
    if (bound.size < count + 200) throw new Error('not all bound yet');
  }, 60_000);
  const boundMs = Math.max(...bound.values()) - startMs;
  const rate = (ms: number): string => `${Math.round((count * 1_000) / ms)}/s`;
  console.log(
    `${count} pods, creation in the same clock      created ${rate(createdMs)}, bound ${rate(boundMs)}`,
  );
  abort.abort();
  await Promise.all(running);
}

for (const nodeCount of [50, 5_000])
  for (const workload of workloads) {
    const rate = placementsPerCpuSecond(nodeCount, workload).toLocaleString('en');
    console.log(
      `${`${workload.name}, ${nodeCount} nodes`.padEnd(44)} ${rate.padStart(10)} placements per CPU second`,
    );
  }
await throughTheApi();
process.exit(0);
