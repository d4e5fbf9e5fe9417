/**
 * Prints what a scheduler's state takes: `node --expose-gc test/bench/measure/scheduling-memory.ts NODES PODS` gives the
 * megabytes of the process, the most while it read, and the seconds that reading took. The pods come as a watch
 * brings them, each a text of its own.
 */
import type { Pod } from '../../../api/generated/core-v1.ts';
import { pods } from '../../../api/generated/resources.ts';
import { systemClock, toTime } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/logger.ts';
import { seededRandom } from '../../../base/random.ts';
import type { WatchEvent } from '../../../client/client.ts';
import { Reflector, type ReflectorOptions } from '../../../client/reflector.ts';
import { Cluster } from '../../../scheduler/cache/cluster.ts';
import { PlacementIndex } from '../../../scheduler/cache/placement-index.ts';
import { PodFeed } from '../../../scheduler/feed.ts';
import { toPodClass } from '../../../scheduler/framework/pod-class.ts';
import { noVolumeNeeds } from '../../../scheduler/framework/volume-needs.ts';
import { PodGroups } from '../../../scheduler/groups/pod-groups.ts';
import { LeanPods } from '../../../scheduler/lean-pod.ts';
import { defaultPlugins } from '../../../scheduler/plugin-registry.ts';
import { SchedulingQueue } from '../../../scheduler/queue/scheduling-queue.ts';
import { schedule } from '../../../scheduler/schedule.ts';
import { leastLoaded } from '../../../scheduler/strategies/least-loaded.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { aNode, aPod } from '../../support/scheduling-objects.ts';

const [nodeCount = 5_000, podCount = 150_000] = process.argv.slice(2).map(Number);
const cluster = new Cluster();
for (let i = 0; i < nodeCount; i += 1)
  cluster.setNode(aNode({ name: `n${i}`, labels: { zone: `zone-${i % 10}` }, cpu: '64' }));
const nothing = (): void => undefined;
const feed = new PodFeed({
  ...{ cluster, queue: new SchedulingQueue(new ManualClock(), seededRandom(1)) },
  waker: { nodeChanged: nothing, podsChanged: nothing },
  groups: new PodGroups(cluster),
  volumeNeeds: () => noVolumeNeeds,
  isOurs: () => true,
  ...{ onGated: nothing, onLeft: nothing, onUnreadable: nothing },
});

/** Stands for when each of them began. */
const someTime = '2026-01-01T00:00:00Z';

/** As it is stored: 2 KB of text. */
function textOf(i: number): string {
  const owner = `owner-${i % 1_000}`;
  const pod = aPod({ name: `pod-${i}`, cpu: '1m', owner, labels: { app: `app-${i % 1_000}` } });
  const conditions = ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
    ...{ type, status: 'True', lastProbeTime: null, lastTransitionTime: someTime },
  }));
  const state = { running: { startedAt: someTime } };
  const status = {
    phase: 'Running',
    podIP: '10.0.0.1',
    startTime: someTime,
    conditions,
    containerStatuses: [{ state }],
  };
  const token = { serviceAccountToken: { path: 'token', expirationSeconds: 3_607 } };
  const volumes = [{ name: 'kube-api-access', projected: { sources: [token], defaultMode: 420 } }];
  const spec = { ...pod.spec, nodeName: `n${i % nodeCount}`, volumes, dnsPolicy: 'ClusterFirst' };
  return JSON.stringify({ ...pod, spec, status });
}

let peak = 0;
let watchedAtMs = 0;
const abort = new AbortController();
const client: ReflectorOptions<Pod>['client'] = {
  list: () => Promise.reject(new Error('not asked')),
  watch: () => events() as AsyncIterable<WatchEvent<never>>,
};

async function* events(): AsyncGenerator<WatchEvent<Pod>> {
  const texts = Array.from({ length: Math.min(podCount, 1_000) }, (_, i) => textOf(i));
  watchedAtMs = performance.now();
  for (let i = 0; i < podCount; i += 1) {
    const text = (texts[i % texts.length] as string)
      .replaceAll(`pod-${i % texts.length}`, `pod-${i}`)
      .replace(/uid-[0-9]+/, `uid-${i}`)
      .replaceAll(someTime, toTime(Date.UTC(2026, 1, 1) + 1_000 * i))
      .replace(/"nodeName":"n[0-9]+"/, `"nodeName":"n${i % nodeCount}"`);
    const object = JSON.parse(text) as Pod;
    yield { type: 'ADDED', object };
    if (i % 1_000 === 0) peak = Math.max(peak, process.memoryUsage().rss);
  }
  const last = aPod();
  const annotations = { 'k8s.io/initial-events-end': 'true' };
  yield { type: 'BOOKMARK', object: { ...last, metadata: { ...last.metadata, annotations } } };
  peak = Math.max(peak, process.memoryUsage().rss);
  abort.abort();
}

const common = { clock: systemClock, random: seededRandom(1), logger: silentLogger };
await new Reflector({
  ...common,
  client,
  type: pods,
  selection: {},
  sink: feed,
  keep: new LeanPods().lean,
}).run(abort.signal);
const seconds = (performance.now() - watchedAtMs) / 1_000;
const context = { cluster, plugins: defaultPlugins, index: new PlacementIndex(cluster, defaultPlugins) };
for (let i = 0; i < 200; i += 1)
  schedule(context, toPodClass(aPod({ cpu: '1m', owner: `owner-${i}` })), leastLoaded);
globalThis.gc?.();
const megabytes = (bytes: number): number => Math.round(bytes / 1e6);
if (cluster.podCount !== podCount) throw new Error(`${cluster.podCount} pods were read`);
process.stdout.write(`${megabytes(process.memoryUsage().rss)} ${megabytes(peak)} ${seconds.toFixed(2)}\n`);
