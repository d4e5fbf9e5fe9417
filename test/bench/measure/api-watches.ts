import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../support/eventually.ts';
import type { ApiBench } from './api-bench.ts';
import { benchPod, inParallel } from './api-load.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';
const patience = 120_000;
/** More than waits for one watcher. */
const largeEvents = 200;
const largeAtOnce = 20;
const largeBytes = 64 * 1_024;

const mapOf = (index: number): string =>
  JSON.stringify({ metadata: { name: `map-${index}` }, data: { key: 'value'.repeat(20) } });

/** Every watcher gets every event. */
export async function measureFanOut(bench: ApiBench, watchers: number, events: number): Promise<void> {
  const { load } = bench;
  let seen = 0;
  await load.watch(
    () => `${maps}?watch=true&resourceVersion=0`,
    watchers,
    (lines) => {
      seen += lines;
    },
  );
  await sleep(500);
  seen = 0;
  const deliveries = watchers * events;
  const delivering = await bench.cost(async () => {
    await inParallel(events, 8, (index) => load.send('POST', maps, mapOf(index)));
    await eventually(() => {
      if (seen < deliveries) throw new Error(`${seen} deliveries`);
    }, patience);
  });
  bench.add('watch delivery, CPU', 'us', (delivering.cpuMs * 1_000) / deliveries, 10, '51 us');
  bench.add('watch deliveries', '/s', deliveries / delivering.seconds);
  load.endWatches();
}

/** Each of many watchers is for one node's pods: an event costs what it costs with one watcher. */
export async function measureSelective(bench: ApiBench, watchers: number, events: number): Promise<void> {
  const { load } = bench;
  const bound = (prefix: string) => (index: number) => {
    const pod = benchPod(`${prefix}-${index}`) as { spec: object };
    return load.send(
      'POST',
      pods,
      JSON.stringify({ ...pod, spec: { ...pod.spec, nodeName: `node-${index}` } }),
    );
  };
  await inParallel(events, 8, bound('warm-up'));
  const alone = await bench.cost(() => inParallel(events, 8, bound('alone')));
  let seen = 0;
  const path = (index: number): string => `${pods}?watch=true&fieldSelector=spec.nodeName%3Dnode-${index}`;
  await load.watch(path, watchers, (lines) => {
    seen += lines;
  });
  await sleep(500);
  seen = 0;
  const watched = await bench.cost(async () => {
    await inParallel(events, 8, bound('watched'));
    await eventually(() => {
      if (seen < events) throw new Error(`${seen} deliveries`);
    }, patience);
  });
  const more = (watched.cpuMs - alone.cpuMs) / events;
  bench.add(`create under ${watchers} watchers by node, more CPU`, 'ms', more);
  bench.add('deliveries for each of these', '', seen / events, 1);
  load.endWatches();
}

/** What a watch costs that has nothing to tell. */
export async function measureIdleWatches(bench: ApiBench, watchers: number, alone: number): Promise<void> {
  const { load } = bench;
  const path = `${maps}?watch=true&fieldSelector=metadata.name%3Dnobody`;
  await sleep(1_000);
  const before = bench.residentMb;
  const startedMs = performance.now();
  await load.watch(
    () => path,
    watchers,
    () => undefined,
  );
  await sleep(1_000);
  bench.add(`${watchers} idle watches over HTTP/2, memory`, 'MB', bench.residentMb - before);
  bench.add(`memory in all with ${watchers} idle watches`, 'MB', bench.residentMb, 300);
  bench.add('watches opened', '/s', watchers / ((performance.now() - startedMs - 1_000) / 1_000));
  load.endWatches();
  await sleep(1_000);
  const without = bench.residentMb;
  await load.watchAlone(path, alone);
  await sleep(1_000);
  bench.add('an idle watch over HTTP/1.1, memory', 'KB', ((bench.residentMb - without) * 1_000) / alone, 50);
  load.endWatches();
}

/** Watchers that never read are ended, and neither the server's memory nor the other watchers have to bear them. */
export async function measureSlowWatchers(bench: ApiBench, slow: number, others: number): Promise<void> {
  const { load } = bench;
  const path = `${maps}?watch=true&labelSelector=size%3Dlarge`;
  let seen = 0;
  await load.watch(
    () => path,
    others,
    (lines) => {
      seen += lines;
    },
  );
  const unread = load.watchUnread(path, slow);
  await eventually(async () => {
    const watchers = await bench.gauge('apiserver_registered_watchers');
    if (watchers < slow + others) throw new Error(`${watchers} watchers`);
  }, patience);
  await sleep(500);
  seen = 0;
  const before = bench.residentMb;
  const value = 'v'.repeat(largeBytes);
  const body = (index: number): string =>
    JSON.stringify({ metadata: { name: `large-${index}`, labels: { size: 'large' } }, data: { value } });
  let peak = before;
  // No faster than those who read can read, or they would fall behind too.
  for (let sent = 0; sent < largeEvents; sent += largeAtOnce) {
    await inParallel(largeAtOnce, 4, async (index) => {
      await load.send('POST', maps, body(sent + index));
      peak = Math.max(peak, bench.residentMb);
    });
    await eventually(() => {
      if (seen < (sent + largeAtOnce) * others) throw new Error(`${seen} deliveries`);
    }, patience);
  }
  await eventually(() => {
    if (unread.gone() < slow) throw new Error(`${unread.gone()} of ${slow} slow watchers ended`);
  }, patience);
  bench.add(`${slow} watchers that do not read: ended by the server`, '', unread.gone(), slow);
  bench.add('memory meanwhile, more', 'MB', peak - before);
  bench.add('events for each of the others', '', seen / others, largeEvents);
  load.endWatches();
}
