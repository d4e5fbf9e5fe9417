import { setTimeout as sleep } from 'node:timers/promises';
import type { AnyObject } from '../../../api/kind-info.ts';
import { EtcdStorage } from '../../../apiserver/storage/etcd/etcd-storage.ts';
import { silentLogger } from '../../../base/logger.ts';
import type { ApiBench, Cost } from './api-bench.ts';
import { benchPod, inParallel } from './api-load.ts';

export const clients = 32;
const warmUp = 2_000;
const raw = 3_000;
const path = '/api/v1/namespaces/default/pods';
const accounts = '/api/v1/namespaces/default/serviceaccounts';
const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
const nodes = 500;
const slowReaders = 20;

/** The store alone, under the same load: what comes after is to be seen beside it. */
export async function measureStore(bench: ApiBench): Promise<number> {
  const storage = new EtcdStorage({ endpoints: [bench.etcd.url], tls: undefined, logger: silentLogger });
  const timed = async (work: (index: number) => Promise<unknown>): Promise<number> => {
    const start = performance.now();
    await inParallel(raw, clients, work);
    return raw / ((performance.now() - start) / 1_000);
  };
  const key = (index: number): string => `/bench/raw-${index}`;
  // Two writes are a transaction of their own; one alone would be gathered with others.
  const puts = await timed((index) => {
    const object = { ...benchPod(`raw-${index}`), apiVersion: 'v1', kind: 'Pod' } as AnyObject;
    return storage.commit([
      { type: 'put', key: key(index), object, expected: 0 },
      { type: 'check', key: '/bench/none', expected: 0 },
    ]);
  });
  const ranges = await timed((index) => storage.get(key(index)));
  bench.add('raw etcd, a transaction each', '/s', puts);
  bench.add('raw etcd, ranges', '/s', ranges);
  await storage.close();
  return puts;
}

export async function measureIdle(bench: ApiBench, idleMs: number): Promise<void> {
  const { cpuMs } = await bench.cost(() => sleep(idleMs));
  bench.add('idle, CPU', '%', (cpuMs / idleMs) * 100, 1);
  bench.add('idle, memory', 'MB', bench.residentMb, 130, '274 MB');
}

const create =
  ({ load }: ApiBench, prefix: string) =>
  (index: number): Promise<number> =>
    load.send('POST', path, JSON.stringify(benchPod(`${prefix}-${index}`)));

/** Single creates and gets; gives the CPU of each in milliseconds. */
export async function measurePods(
  bench: ApiBench,
  options: { readonly pods: number; readonly gets: number; readonly rawPuts: number },
): Promise<void> {
  const { pods, gets, rawPuts } = options;
  await bench.load.send('POST', accounts, JSON.stringify({ metadata: { name: 'default' } }));
  await inParallel(warmUp, clients, create(bench, 'warm'));
  const created = await bench.cost(() => inParallel(pods, clients, create(bench, 'pod')));
  bench.add('create', '/s', pods / created.seconds, 1_800, '1,060 /s');
  bench.add('create, of raw etcd', '%', (100 * pods) / created.seconds / rawPuts);
  bench.add('create, CPU', 'ms', created.cpuMs / pods, 0.45, '1.33 ms');
  const got = await getPods(bench, pods, gets);
  bench.add('get', '/s', gets / got.seconds, 6_000, '2,740 /s');
  bench.add('get, CPU', 'ms', got.cpuMs / gets, 0.12, '0.43 ms');
}

const getPods = (bench: ApiBench, pods: number, gets: number): Promise<Cost> =>
  bench.cost(() =>
    inParallel(gets, clients, (index) => bench.load.send('GET', `${path}/pod-${index % pods}`)),
  );

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

/** The same requests to two servers: together they should cost what one does. */
export async function measureTwo(bench: ApiBench, pods: number): Promise<void> {
  const half = pods / 2;
  const one = await bench.cost(() => inParallel(half, clients, create(bench, 'one')));
  const oneGot = await bench.cost(() =>
    inParallel(pods, clients, (index) => bench.load.send('GET', `${path}/one-${index % half}`)),
  );
  await bench.startAnother();
  bench.load.reconnect();
  // The new one has its code still to compile.
  await inParallel(3 * warmUp, clients, create(bench, 'again'));
  const two = await bench.cost(() => inParallel(half, clients, create(bench, 'two')));
  const twoGot = await bench.cost(() =>
    inParallel(pods, clients, (index) => bench.load.send('GET', `${path}/two-${index % half}`)),
  );
  bench.add('create at two servers, CPU of one', '%', (100 * two.cpuMs) / one.cpuMs, 110);
  bench.add('get at two servers, CPU of one', '%', (100 * twoGot.cpuMs) / oneGot.cpuMs, 110);
}
