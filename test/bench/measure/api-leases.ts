/** Renewals of nodes' Leases: in bulk, one by one as agents do when nobody does it for them, and the store's part alone. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lease } from '../../../api/generated/coordination-v1.ts';
import type { AnyObject } from '../../../api/kind-info.ts';
import { loadAnnotation } from '../../../api/node-load.ts';
import { EtcdStorage } from '../../../apiserver/storage/etcd/etcd-storage.ts';
import type { StoragePut, StoredObject } from '../../../apiserver/storage/storage.ts';
import { toMicroTime } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/logger.ts';
import type { ApiBench } from './api-bench.ts';
import { inParallel, usageOf } from './api-load.ts';

/** What a cluster of so many nodes renews in a second, each node every ten. */
const nodes = 5_000;
const perRequest = 500;
const warmUpRequests = 60;
const requests = 120;
const singles = 1_500;
/** Agents come by themselves; the server gathers those that come within a tenth of a second. */
const singlesAtOnce = 50;
/** The scheduler and the controllers. */
const watchers = 2;
const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
const bulk = '/apis/coracle.dev/v1/bulkrenewals';
const keyOf = (name: string): string => `/registry/coordination.k8s.io/leases/kube-node-lease/${name}`;
const nameOf = (index: number): string => `bench-${index % nodes}`;
const startMs = Date.parse('2026-01-01T00:00:00Z');
const load = (index: number): string =>
  JSON.stringify({
    cpu: `${100 + (index % 900)}m`,
    memory: '812Mi',
    pressure: { cpu: 0.01, memory: 0, io: 0.02 },
  });

interface Spent {
  readonly serverUs: number;
  readonly etcdUs: number;
}

export async function measureLeases(bench: ApiBench): Promise<void> {
  const storage = new EtcdStorage({ endpoints: [bench.etcd.url], tls: undefined, logger: silentLogger });
  await createLeases(bench, storage);
  let seen = 0;
  await bench.load.watch(
    () => `${leases}?watch=1`,
    watchers,
    (events) => {
      seen += events;
    },
  );
  let sent = 0;
  const told = async (): Promise<void> => {
    while (seen < sent * watchers) await sleep(5);
  };
  let index = 0;
  const renewMany = async (count: number): Promise<void> => {
    for (let nth = 0; nth < count; nth += 1) {
      await bench.load.send('POST', bulk, JSON.stringify({ items: itemsFrom(index) }));
      index += perRequest;
      sent += perRequest;
    }
    await told();
  };
  await renewMany(warmUpRequests);
  const inBulk = await spent(bench, requests * perRequest, () => renewMany(requests));
  /** As an agent remembers its own. */
  const held = new Map<string, Lease>();
  const renewOne = async (): Promise<void> => {
    const at = index++;
    const name = nameOf(at % singles);
    const path = `${leases}/${name}`;
    const current = held.get(name) ?? (JSON.parse((await bench.load.ask('GET', path)).toString()) as Lease);
    const body = JSON.stringify({ ...current, spec: { ...current.spec, renewTime: timeOf(at) } });
    held.set(name, JSON.parse((await bench.load.ask('PUT', path, body)).toString()));
    sent += 1;
  };
  await inParallel(singles, singlesAtOnce, renewOne);
  const single = await spent(bench, singles, async () => {
    await inParallel(singles, singlesAtOnce, renewOne);
    await told();
  });
  bench.load.endWatches();
  const etcdUs = await rawPuts(bench, storage);
  await storage.close();
  bench.add('renewal in bulk, CPU of the server', 'us', inBulk.serverUs);
  bench.add('renewal in bulk, CPU of etcd', 'us', inBulk.etcdUs);
  bench.add('renewal in bulk, both', 'us', inBulk.serverUs + inBulk.etcdUs, 80);
  bench.add('renewal alone, CPU of the server', 'us', single.serverUs);
  bench.add('renewal alone, CPU of etcd', 'us', single.etcdUs);
  bench.add('the same puts, raw, CPU of etcd', 'us', etcdUs);
}

const timeOf = (index: number): string => toMicroTime(startMs + index * 10);

const itemsFrom = (from: number): object[] =>
  Array.from({ length: perRequest }, (_, nth) => {
    const name = nameOf(from + nth);
    const annotations = { [loadAnnotation]: load(from + nth) };
    return { name, holderIdentity: name, renewTime: timeOf(from + nth), annotations };
  });

/** Like one that an agent has made and renewed through the API. */
async function createLeases(bench: ApiBench, storage: EtcdStorage): Promise<void> {
  const name = 'bench';
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name, uid: crypto.randomUUID() }];
  const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime: timeOf(0) };
  const made = { metadata: { name, ownerReferences }, spec };
  const lease = JSON.parse((await bench.load.ask('POST', leases, JSON.stringify(made))).toString());
  lease.metadata.annotations = { [loadAnnotation]: load(0) };
  const kept = (await bench.load.ask('PUT', `${leases}/${name}`, JSON.stringify(lease))).toString();
  const puts = Array.from({ length: nodes }, (_, index): StoragePut => {
    const object = JSON.parse(kept.replaceAll('"bench"', `"${nameOf(index)}"`)) as AnyObject;
    return { type: 'put', key: keyOf(nameOf(index)), object, expected: 0 };
  });
  await storage.commitEach(puts);
}

async function spent(bench: ApiBench, renewals: number, work: () => Promise<void>): Promise<Spent> {
  const etcd = (): number => usageOf(bench.etcd.pid ?? 0).cpuMs;
  const before = etcd();
  const { cpuMs } = await bench.cost(work);
  return { serverUs: (cpuMs * 1_000) / renewals, etcdUs: ((etcd() - before) * 1_000) / renewals };
}

/** Of etcd, with nobody who asks for anything else. */
async function rawPuts(bench: ApiBench, storage: EtcdStorage): Promise<number> {
  const known = new Map<string, StoredObject>();
  for await (const { objects } of storage.scan(keyOf('bench-')))
    for (const object of objects) known.set(object.key, object);
  const all = [...known.values()];
  const before = usageOf(bench.etcd.pid ?? 0).cpuMs;
  let puts = 0;
  for (let at = 0; at < all.length; at += perRequest) {
    const some = all.slice(at, at + perRequest).map(
      ({ key, version, json }): StoragePut => ({
        ...{ type: 'put', key, expected: version, object: JSON.parse(json.toString()) as AnyObject },
      }),
    );
    await storage.commitEach(some);
    puts += some.length;
  }
  return ((usageOf(bench.etcd.pid ?? 0).cpuMs - before) * 1_000) / puts;
}
