/** Costs of storage and watch cache: `node test/bench/storage.ts`. Prints figures; nothing is judged. */
import { connect } from 'node:http2';
import { everything } from '../../api/selector.ts';
import { EtcdStorage } from '../../apiserver/storage/etcd/etcd-storage.ts';
import { encodeTxn } from '../../apiserver/storage/etcd/messages.ts';
import { MemoryStorage } from '../../apiserver/storage/memory-storage.ts';
import type { Storage, StoragePut } from '../../apiserver/storage/storage.ts';
import type { WatchEncoding, WatchSink } from '../../apiserver/watch-cache/read-cache.ts';
import { WatchCache } from '../../apiserver/watch-cache/watch-cache.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { EtcdProcess } from '../support/etcd-process.ts';
import { configMap, configMapKey } from '../support/storage-contract.ts';

const data = { filler: 'x'.repeat(2_300) };
const encoding: WatchEncoding = {
  id: 'json',
  hasFirst: false,
  encode: (type, object) =>
    Buffer.concat([Buffer.from(`{"type":"${type}","object":`), object.json, Buffer.from('}\n')]),
  bookmark: () => Buffer.alloc(0),
  error: () => Buffer.alloc(0),
};

function putsOf(namespace: string, count: number): StoragePut[] {
  return Array.from({ length: count }, (_, index) => {
    const name = `object-${String(index).padStart(6, '0')}`;
    return {
      type: 'put',
      key: configMapKey(namespace, name),
      object: configMap(namespace, name, data),
      expected: 0,
    };
  });
}

/** Runs `work` and prints rate and our own CPU per item. */
async function measure(what: string, items: number, work: () => Promise<void>): Promise<void> {
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  await work();
  const seconds = (performance.now() - startMs) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  const rate = Math.round(items / seconds).toLocaleString('en');
  const cost = ((user + system) / items).toFixed(1);
  console.log(`${what.padEnd(52)} ${rate.padStart(12)}/s ${cost.padStart(8)} us CPU`);
}

async function inFlight<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const rest = [...items].reverse();
  const worker = async (): Promise<void> => {
    for (let item = rest.pop(); item !== undefined; item = rest.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

async function rawTransactions(url: string, puts: readonly StoragePut[]): Promise<void> {
  const session = connect(url);
  const headers = {
    ':method': 'POST',
    ':path': '/etcdserverpb.KV/Txn',
    'content-type': 'application/grpc',
    te: 'trailers',
  };
  await inFlight(puts, 32, ({ key }) => {
    const value = Buffer.alloc(2_500, 120);
    const frame = encodeTxn({
      compare: [{ key, modRevision: 0 }],
      success: [{ type: 'put', key, value }],
      failure: [],
    });
    return new Promise<void>((resolve) => {
      const stream = session.request(headers);
      stream.resume();
      stream.on('end', resolve);
      stream.end(frame);
    });
  });
  session.close();
}

async function replay(storage: Storage, fromVersion: number, count: number): Promise<void> {
  const abort = new AbortController();
  let seen = 0;
  for await (const batch of storage.watch(fromVersion, abort.signal)) {
    seen += batch.events.length;
    if (seen >= count) break;
  }
  abort.abort();
}

async function benchEtcd(): Promise<void> {
  const etcd = await EtcdProcess.start();
  const storage = new EtcdStorage({ endpoints: [etcd.url], logger: silentLogger });
  const start = await storage.currentVersion();
  try {
    await measure('create, 32 in flight, raw http2', 3_000, () =>
      rawTransactions(etcd.url, putsOf('raw', 3_000)),
    );
    const from = await storage.currentVersion();
    await measure('create, 32 in flight', 3_000, () =>
      inFlight(putsOf('single', 3_000), 32, (put) => storage.commit([put])),
    );
    await measure('create, one after the other', 500, () =>
      inFlight(putsOf('alone', 500), 1, (put) => storage.commit([put])),
    );
    await measure('commitEach, 100 objects', 10_000, async () => {
      const puts = putsOf('bulk', 10_000);
      for (let at = 0; at < puts.length; at += 100) await storage.commitEach(puts.slice(at, at + 100));
    });
    await measure('get, 32 in flight', 5_000, () =>
      inFlight(putsOf('bulk', 5_000), 32, ({ key }) => storage.get(key)),
    );
    await measure('watch replay', 13_500, () => replay(storage, from, 13_500));
    await measure('scan', 10_000, async () => {
      for await (const _page of storage.scan('/registry/configmaps/bulk/'));
    });
    console.log(`revisions written: ${(await storage.currentVersion()) / 128 - start / 128}`);
  } finally {
    await storage.close();
    await etcd.stop();
  }
}

async function benchCache(): Promise<void> {
  const storage = new MemoryStorage();
  const puts = putsOf('cached', 150_000);
  await measure('memory: commitEach', puts.length, async () => void (await storage.commitEach(puts)));
  const cache = new WatchCache({
    storage,
    clock: systemClock,
    logger: silentLogger,
    fieldsOf: () => new Map(),
  });
  const abort = new AbortController();
  const running = cache.run(abort.signal);
  await measure('cache: load 150,000 objects', puts.length, () => cache.whenReady());
  const query = {
    resource: '/configmaps',
    namespace: '',
    labels: everything,
    fields: everything,
    limit: 500,
  };
  await measure('cache: list, pages of 500', puts.length, async () => {
    for (let after: string | undefined, more = true; more; more = after !== undefined)
      after = cache.list({ ...query, after }).next;
  });
  await measure('cache: events without watchers', 20_000, async () => {
    await storage.commitEach(putsOf('quiet', 20_000));
    await cache.waitCurrent();
  });
  let delivered = 0;
  const sink: WatchSink = {
    write: (frames) => {
      delivered += frames.length;
      return true;
    },
    onDrain: () => undefined,
    end: () => undefined,
  };
  const watch = {
    ...query,
    fromVersion: undefined,
    sendInitialEvents: false,
    startWithState: false,
    bookmarks: false,
    encoding,
  };
  for (let index = 0; index < 1_000; index += 1) cache.watch(watch, sink);
  for (const count of [1, 10]) {
    const rounds = 200;
    await measure(
      `cache: delivery to 1,000 sinks, ${count} events a turn`,
      rounds * count * 1_000,
      async () => {
        for (let round = 0; round < rounds; round += 1) {
          await storage.commitEach(putsOf(`loud-${count}-${round}`, count));
          await cache.waitCurrent();
          await new Promise<void>((resolve) => systemClock.setImmediate(resolve));
        }
      },
    );
  }
  console.log(`delivered: ${Math.round(delivered / 1e6)} MB`);
  abort.abort();
  await running;
}

await benchEtcd();
await benchCache();
