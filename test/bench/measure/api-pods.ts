import { setTimeout as sleep } from 'node:timers/promises';
import type { AnyObject } from '../../../api/kind-info.ts';
import { EtcdStorage } from '../../../apiserver/storage/etcd/etcd-storage.ts';
import { silentLogger } from '../../../base/logger.ts';
import type { ApiBench } from './api-bench.ts';
import { type ApiLoad, benchPod, inParallel } from './api-load.ts';

export const clients = 32;
const warmUp = 2_000;
const raw = 3_000;
export const path = '/api/v1/namespaces/default/pods';
const accounts = '/api/v1/namespaces/default/serviceaccounts';
const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
const nodes = 500;
const slowReaders = 20;

export interface StoreRates {
  readonly putsPerSecond: number;
  readonly rangesPerSecond: number;
}

/** What half and what nearly all requests took at most, of times in ascending order. */
function addTimes(bench: ApiBench, what: string, times: Float64Array): void {
  const at = (part: number): number => times[Math.floor(times.length * part)] ?? Number.NaN;
  bench.add(`${what}, p50`, 'ms', at(0.5));
  bench.add(`${what}, p99`, 'ms', at(0.99));
}

/** The store alone, under the same load: what comes after is to be seen beside it. */
export async function measureStore(bench: ApiBench): Promise<StoreRates> {
  const storage = new EtcdStorage({ endpoints: [bench.etcd.url], tls: undefined, logger: silentLogger });
  const timed = async (what: string, work: (index: number) => Promise<unknown>): Promise<number> => {
    const start = performance.now();
    const times = await inParallel(raw, clients, work);
    const rate = raw / ((performance.now() - start) / 1_000);
    bench.add(what, '/s', rate);
    addTimes(bench, what, times);
    return rate;
  };
  const key = (index: number): string => `/bench/raw-${index}`;
  // Two writes are a transaction of their own; one alone would be gathered with others.
  const putsPerSecond = await timed('raw etcd, a transaction each', (index) => {
    const object = { ...benchPod(`raw-${index}`), apiVersion: 'v1', kind: 'Pod' } as AnyObject;
    return storage.commit([
      { type: 'put', key: key(index), object, expected: 0 },
      { type: 'check', key: '/bench/none', expected: 0 },
    ]);
  });
  const rangesPerSecond = await timed('raw etcd, ranges', (index) => storage.get(key(index)));
  await storage.close();
  return { putsPerSecond, rangesPerSecond };
}

export async function measureIdle(bench: ApiBench, idleMs: number): Promise<void> {
  const { cpuMs } = await bench.cost(() => sleep(idleMs));
  bench.add('idle, CPU', '%', (cpuMs / idleMs) * 100, 1);
  bench.add('idle, memory', 'MB', bench.residentMb, 130, '274 MB');
}

export const create =
  ({ load }: { readonly load: ApiLoad }, prefix: string) =>
  (index: number): Promise<number> =>
    load.send('POST', path, JSON.stringify(benchPod(`${prefix}-${index}`)));

/** Creates, one by one. */
export async function measureCreates(bench: ApiBench, pods: number, store: StoreRates): Promise<void> {
  await bench.load.send('POST', accounts, JSON.stringify({ metadata: { name: 'default' } }));
  await inParallel(warmUp, clients, create(bench, 'warm'));
  const created = await bench.cost(() => inParallel(pods, clients, create(bench, 'pod')));
  const rate = pods / created.seconds;
  bench.add('create', '/s', rate, 1_800, '1,060 /s');
  bench.add('create, of raw etcd', '%', (100 * rate) / store.putsPerSecond);
  bench.add('create, CPU', 'ms', created.cpuMs / pods, 0.45, '1.33 ms');
  addTimes(bench, 'create', created.result);
}

export async function measureGets(bench: ApiBench, pods: number, store: StoreRates): Promise<void> {
  const gets = 2 * pods;
  const got = await bench.cost(() =>
    inParallel(gets, clients, (index) => bench.load.send('GET', `${path}/pod-${index % pods}`)),
  );
  const rate = gets / got.seconds;
  bench.add('get', '/s', rate, 6_000, '2,740 /s');
  bench.add('get, of raw etcd', '%', (100 * rate) / store.rangesPerSecond);
  bench.add('get, CPU', 'ms', got.cpuMs / gets, 0.12, '0.43 ms');
  addTimes(bench, 'get', got.result);
}

/** Heartbeats of nodes and a patch of the status, as agents and controllers send them. */
export async function measureUpdates(bench: ApiBench, updates: number): Promise<void> {
  const { load } = bench;
  const lease = (index: number): string => `node-${index % nodes}`;
  const spec = { holderIdentity: 'bench', leaseDurationSeconds: 40 };
  await inParallel(nodes, clients, (index) =>
    load.send('POST', leases, JSON.stringify({ metadata: { name: lease(index) }, spec })),
  );
  const merge = 'application/merge-patch+json';
  const renew = (index: number): Promise<number> => {
    const renewTime = new Date(1.7e12 + index).toISOString().replace('Z', '000Z');
    return load.send('PATCH', `${leases}/${lease(index)}`, JSON.stringify({ spec: { renewTime } }), merge);
  };
  await inParallel(nodes, clients, renew);
  const renewed = await bench.cost(() => inParallel(updates, clients, (index) => renew(index + nodes)));
  bench.add('renew a lease, CPU', 'ms', renewed.cpuMs / updates);
  const strategic = 'application/strategic-merge-patch+json';
  const running = JSON.stringify({
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  });
  const patched = await bench.cost(() =>
    inParallel(updates, clients, (index) =>
      load.send('PATCH', `${path}/warm-${index % warmUp}/status`, running, strategic),
    ),
  );
  bench.add("patch a pod's status, CPU", 'ms', patched.cpuMs / updates);
}

export async function measureLists(bench: ApiBench): Promise<void> {
  const { load } = bench;
  const count = JSON.parse((await load.ask('GET', path)).toString()).items.length;
  await inParallel(3, 1, () => load.send('GET', path));
  const listed = await bench.cost(() => inParallel(5, 1, () => load.send('GET', path)));
  bench.add(`list of ${count}`, 'ms', (listed.seconds / 5) * 1_000, undefined, '400 ms');
  bench.add(`list of ${count}, CPU`, 'ms', listed.cpuMs / 5, 60, '460 ms');
  const before = bench.residentMb;
  const slow = await Promise.all(Array.from({ length: slowReaders }, () => load.openUnread(path)));
  await sleep(500);
  bench.add('a list that nobody reads, memory', 'MB', (bench.residentMb - before) / slowReaders);
  for (const response of slow) response.destroy();
  bench.add('memory with the pods', 'MB', bench.residentMb, undefined, '990 MB');
}

export async function measureDeletion(bench: ApiBench): Promise<void> {
  const { items } = JSON.parse((await bench.load.ask('GET', path)).toString());
  const deleted = await bench.cost(() => bench.load.send('DELETE', `${path}?gracePeriodSeconds=0`));
  bench.add(`deletecollection of ${items.length}`, 's', deleted.seconds, 3, '21 s');
  bench.add(`deletecollection of ${items.length}, CPU`, 's', deleted.cpuMs / 1_000);
}
