/**
 * The API server on a real etcd with fsync, over TLS, in one run with the raw store:
 *
 *   node test/bench/api.ts [PODS]
 *
 * CPU is that of the API server's process alone; the load shares the machine with it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AnyObject } from '../../api/kind-info.ts';
import { EtcdStorage } from '../../apiserver/storage/etcd/etcd-storage.ts';
import { silentLogger } from '../../base/logger.ts';
import { ApiServerProcess } from '../support/api-server-process.ts';
import { EtcdProcess } from '../support/etcd-process.ts';
import { eventually } from '../support/eventually.ts';
import { ApiLoad, benchPod, inParallel, usageOf } from './measure/api-load.ts';
import { type Figure, report } from './measure/figures.ts';

const clients = 32;
const pods = Number(process.argv[2] ?? 10_000);
const gets = 20_000;
const warmUp = 1_000;
const watchers = 1_000;
const events = 1_000;
const idleMs = 10_000;

interface Cost {
  readonly seconds: number;
  readonly cpuMs: number;
}

const etcd = await EtcdProcess.start({ fsync: true });
const server = await ApiServerProcess.start({ etcdServers: etcd.url });
const pid = server.pid() ?? 0;
const load = new ApiLoad(server.directory, server.port, clients);
const figures: Figure[] = [];

async function cost(work: () => Promise<unknown>): Promise<Cost> {
  const [before, start] = [usageOf(pid).cpuMs, performance.now()];
  await work();
  return { seconds: (performance.now() - start) / 1_000, cpuMs: usageOf(pid).cpuMs - before };
}

function add(name: string, unit: Figure['unit'], value: number, goal?: number, elsewhere?: string): void {
  const optional = {
    ...(goal === undefined ? {} : { goal }),
    ...(elsewhere === undefined ? {} : { elsewhere }),
  };
  figures.push({ name, unit, values: [value], ...optional });
}

async function measureStore(): Promise<void> {
  const storage = new EtcdStorage({ endpoints: [etcd.url], tls: undefined, logger: silentLogger });
  const start = performance.now();
  await inParallel(3_000, clients, (index) => {
    const object = { ...benchPod(`raw-${index}`), apiVersion: 'v1', kind: 'Pod' } as AnyObject;
    return storage.commit([{ type: 'put', key: `/bench/raw-${index}`, object, expected: 0 }]);
  });
  add('raw etcd puts', '/s', 3_000 / ((performance.now() - start) / 1_000));
  await storage.close();
}

async function measureIdle(): Promise<void> {
  const { cpuMs } = await cost(() => sleep(idleMs));
  add('idle CPU', '%', (cpuMs / idleMs) * 100, 1);
  add('idle memory', 'MB', usageOf(pid).residentMb, 130, '274 MB');
}

const path = '/api/v1/namespaces/default/pods';
const accounts = '/api/v1/namespaces/default/serviceaccounts';

async function measurePods(): Promise<void> {
  const create = (prefix: string) => (index: number) =>
    load.send('POST', path, JSON.stringify(benchPod(`${prefix}-${index}`)));
  await load.send('POST', accounts, JSON.stringify({ metadata: { name: 'default' } }));
  await inParallel(warmUp, clients, create('warm'));
  const created = await cost(() => inParallel(pods, clients, create('pod')));
  add('create', '/s', pods / created.seconds, 1_800, '1,060 /s');
  add('create, CPU', 'ms', created.cpuMs / pods, 0.45, '1.33 ms');
  const got = await cost(() =>
    inParallel(gets, clients, (index) => load.send('GET', `${path}/pod-${index % pods}`)),
  );
  add('get', '/s', gets / got.seconds, 6_000, '2,740 /s');
  add('get, CPU', 'ms', got.cpuMs / gets, 0.12, '0.43 ms');
  const listed = await cost(() => inParallel(5, 1, () => load.send('GET', path)));
  add(`list of ${pods + warmUp}`, 'ms', (listed.seconds / 5) * 1_000, undefined, '400 ms');
  add(`list of ${pods + warmUp}, CPU`, 'ms', listed.cpuMs / 5, 60, '460 ms');
  add('memory with the pods', 'MB', usageOf(pid).residentMb, undefined, '990 MB');
  const deleted = await cost(() => load.send('DELETE', `${path}?gracePeriodSeconds=0`));
  add(`deletecollection of ${pods + warmUp}`, 's', deleted.seconds, 3, '21 s');
  add(`deletecollection of ${pods + warmUp}, CPU`, 's', deleted.cpuMs / 1_000);
}

async function measureWatches(): Promise<void> {
  let seen = 0;
  const maps = '/api/v1/namespaces/default/configmaps';
  await load.watch(`${maps}?watch=true&resourceVersion=0`, watchers, (lines) => {
    seen += lines;
  });
  await sleep(500);
  seen = 0;
  const body = (index: number): string =>
    JSON.stringify({ metadata: { name: `map-${index}` }, data: { key: 'value'.repeat(20) } });
  const writing = await cost(() => inParallel(events, 8, (index) => load.send('POST', maps, body(index))));
  const waiting = await cost(() =>
    eventually(async () => {
      if (seen < watchers * events) throw new Error(`${seen} deliveries`);
    }, 120_000),
  );
  const deliveries = watchers * events;
  add('watch delivery, CPU', 'us', ((writing.cpuMs + waiting.cpuMs) * 1_000) / deliveries, 10, '51 us');
  add('watch deliveries', '/s', deliveries / (writing.seconds + waiting.seconds));
}

try {
  await measureStore();
  await measureIdle();
  await measurePods();
  await measureWatches();
  report('api', figures, 'kube-apiserver 1.36');
} finally {
  load.close();
  await server.stop();
  await etcd.stop();
}
