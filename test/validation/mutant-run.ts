import { MemoryStorage } from '../../apiserver/storage/memory-storage.ts';
import { seededRandom } from '../../base/random.ts';
import { startApiServer } from '../support/api-server.ts';
import { eventually } from '../support/eventually.ts';
import { contradictions } from './linearizability.ts';
import { type MutantOptions, mutantStorage } from './mutant-storage.ts';
import { ObservedWatcher } from './observed-watcher.ts';
import { type MarkedObject, Truth } from './truth.ts';
import { objectionsTo } from './watch-checker.ts';
import { Workload } from './workload.ts';

const namespace = 'default';
const prefix = `/registry/configmaps/${namespace}/`;
const operations = 250;
const writers = 4;

/** One server on a store with a fault: what watchers, and what readers and writers, were told wrongly. */
export async function runMutant(
  options: MutantOptions,
): Promise<{ readonly watchers: readonly string[]; readonly operations: readonly string[] }> {
  const memory = new MemoryStorage();
  const mutant = mutantStorage(memory, options);
  const server = await startApiServer([], mutant.storage);
  const life = new AbortController();
  const client = await server.clientAs('admin');
  const watcher = new ObservedWatcher({ name: 'watcher', client, namespace, color: undefined });
  const watching = watcher.run(life.signal);
  await eventually(() => {
    if (watcher.segments.length === 0) throw new Error('it has not begun');
  });
  const workload = new Workload(namespace, seededRandom(1));
  await mutant.arm();
  const working = new AbortController();
  const work = Array.from({ length: writers }, () => workload.run(client, working.signal));
  await eventually(() => {
    if (workload.operations.length < operations) throw new Error(`${workload.operations.length} operations`);
  });
  working.abort();
  await Promise.all(work);
  const end = await memory.currentVersion();
  await eventually(() => {
    if (watcher.seen < end - options.lagMs * 1_000 && options.dropEvery === undefined)
      throw new Error('behind');
  });
  const truth = await truthOf(memory, end);
  life.abort();
  await watching;
  await server.stop();
  return {
    watchers: watcher.segments.flatMap((segment) => objectionsTo(segment, truth)),
    operations: contradictions(workload.operations, truth),
  };
}

async function truthOf(memory: MemoryStorage, end: number): Promise<Truth> {
  const truth = new Truth();
  const enough = new AbortController();
  for await (const batch of memory.watch(0, enough.signal)) {
    for (const event of batch.events) {
      if (!event.key.startsWith(prefix)) continue;
      if (event.type === 'delete') truth.delete(event.version, event.key.slice(prefix.length));
      else truth.put(event.version, JSON.parse(event.json.toString()) as MarkedObject);
    }
    if (batch.version >= end) break;
  }
  enough.abort();
  return truth;
}
