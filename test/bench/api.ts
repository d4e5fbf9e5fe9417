/**
 * The API server on a real etcd with fsync, over TLS, in one run with the raw store:
 *
 *   node test/bench/api.ts [PODS]
 *
 * CPU is that of the API servers' processes alone; the load shares the machine with them.
 */
import { ApiBench } from './measure/api-bench.ts';
import {
  clients,
  measureDeletion,
  measureIdle,
  measureLists,
  measurePods,
  measureStore,
  measureTwo,
  measureUpdates,
} from './measure/api-pods.ts';
import { measureFanOut, measureIdleWatches, measureSelective } from './measure/api-watches.ts';
import { report } from './measure/figures.ts';

const pods = Number(process.argv[2] ?? 10_000);

const bench = await ApiBench.start(clients);
try {
  await measureIdle(bench, 5_000);
  await measureIdleWatches(bench, pods, pods / 10);
  const rawPuts = await measureStore(bench);
  await measurePods(bench, { pods, gets: 2 * pods, rawPuts });
  await measureUpdates(bench, pods / 5);
  await measureLists(bench);
  await measureDeletion(bench);
  await measureFanOut(bench, 1_000, pods / 10);
  await measureSelective(bench, pods / 2, pods / 20);
  bench.add('peak memory', 'MB', bench.peakMb, undefined, '990 MB');
  bench.add('event loop, p99.9 of its delay', 'ms', await bench.loopDelayMs(), 50);
  await measureTwo(bench, pods / 2);
  report('api', bench.figures, 'kube-apiserver 1.36');
} finally {
  await bench.stop();
}
