/**
 * The API server on a real etcd with fsync, over TLS, in one run with the raw store:
 *
 *   node test/bench/api.ts [PODS] [PODS HELD]
 *
 * CPU is that of the API servers' processes alone; the load shares the machine with them. How long the event loop lets
 * others wait is told for each phase: it is the server's own fault only as far as nobody else wants the processor.
 */
import { ApiBench, builtApiServer } from './measure/api-bench.ts';
import { measureHeld } from './measure/api-held.ts';
import { measureLeases } from './measure/api-leases.ts';
import {
  clients,
  measureCreates,
  measureDeletion,
  measureGets,
  measureIdle,
  measureLists,
  measureStore,
  measureUpdates,
} from './measure/api-pods.ts';
import { measureTwo } from './measure/api-two.ts';
import {
  measureFanOut,
  measureIdleWatches,
  measureSelective,
  measureSlowWatchers,
} from './measure/api-watches.ts';
import { report } from './measure/figures.ts';

const pods = Number(process.argv[2] ?? 10_000);
const held = Number(process.argv[3] ?? 15 * pods);

const program = builtApiServer();
const bench = await ApiBench.start(clients, program);
try {
  await bench.phase('idle', () => measureIdle(bench, 5_000));
  await bench.phase(`${pods} watches opened`, () => measureIdleWatches(bench, pods, pods / 10));
  const store = await measureStore(bench);
  await bench.phase('creates', () => measureCreates(bench, pods, store));
  await bench.phase('gets', () => measureGets(bench, pods, store));
  await bench.phase('updates', () => measureUpdates(bench, pods / 5));
  await bench.phase('lists', () => measureLists(bench));
  await bench.phase('renewals', () => measureLeases(bench));
  await bench.phase('deletecollection', () => measureDeletion(bench));
  await bench.phase('deliveries', () => measureFanOut(bench, 1_000, pods / 10));
  await bench.phase(`${pods / 2} watches by node`, () => measureSelective(bench, pods / 2, pods / 20));
  await bench.phase('watchers that do not read', () => measureSlowWatchers(bench, 20, 5));
  bench.add('peak memory', 'MB', bench.peakMb, undefined, '990 MB');
  bench.reportDelays();
  await measureTwo(bench, Math.round(pods / 7));
} finally {
  await bench.stop();
}
report('api', [...bench.figures, ...(await measureHeld(program, held))], 'kube-apiserver 1.36');
