/** Prints the megabytes that a scheduler's state takes: `node --expose-gc test/bench/measure/scheduling-memory.ts NODES PODS`. */
import type { Pod } from '../../../api/generated/core-v1.ts';
import { seededRandom } from '../../../base/random.ts';
import { Cluster } from '../../../scheduler/cache/cluster.ts';
import { PlacementIndex } from '../../../scheduler/cache/placement-index.ts';
import { PodFeed } from '../../../scheduler/feed.ts';
import { toPodClass } from '../../../scheduler/framework/pod-class.ts';
import { noVolumeNeeds } from '../../../scheduler/framework/volume-needs.ts';
import { PodGroups } from '../../../scheduler/groups/pod-groups.ts';
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
for (let i = 0; i < podCount; i += 1) {
  const pod = aPod({
    name: `pod-${i}`,
    cpu: '1m',
    owner: `owner-${i % 1_000}`,
    labels: { app: `app-${i % 1_000}` },
  });
  pod.spec.nodeName = `n${i % nodeCount}`;
  // As they arrive: every object and text its own.
  feed.upsert(JSON.parse(JSON.stringify(pod)) as Pod);
}
const context = { cluster, plugins: defaultPlugins, index: new PlacementIndex(cluster, defaultPlugins) };
for (let i = 0; i < 200; i += 1)
  schedule(context, toPodClass(aPod({ cpu: '1m', owner: `owner-${i}` })), leastLoaded);
globalThis.gc?.();
process.stdout.write(`${Math.round(process.memoryUsage().rss / 1e6)} ${cluster.podCount}\n`);
