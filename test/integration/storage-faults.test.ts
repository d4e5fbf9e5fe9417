import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { prepareObject } from '../../apiserver/storage/envelope.ts';
import { EtcdClient } from '../../apiserver/storage/etcd/etcd-client.ts';
import { EtcdStorage } from '../../apiserver/storage/etcd/etcd-storage.ts';
import type { StorageBatch, StorageRewrite, StoredObject } from '../../apiserver/storage/storage.ts';
import { revisionOf } from '../../apiserver/storage/version.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { EtcdProcess } from '../support/etcd-process.ts';
import { eventually } from '../support/eventually.ts';
import { FaultyProxy } from '../support/faulty-proxy.ts';
import { configMap, configMapKey, eventsAfter, putConfigMap } from '../support/storage-contract.ts';

let etcd: EtcdProcess;
let proxy: FaultyProxy;
let storage: EtcdStorage;
/** Past the proxy. */
let direct: EtcdStorage;
let count = 0;

beforeAll(async () => {
  etcd = await EtcdProcess.start();
});

afterAll(() => etcd.stop());

beforeEach(async () => {
  proxy = await FaultyProxy.start(etcd.port);
  storage = new EtcdStorage({ endpoints: [proxy.url], logger: silentLogger });
  direct = new EtcdStorage({ endpoints: [etcd.url], logger: silentLogger });
});

afterEach(async () => {
  await storage.close();
  await direct.close();
  await proxy.stop();
});

const freshPath = (): { namespace: string; name: string } => ({ namespace: 'faults', name: `f${count++}` });

/** How often `key` was written after `version`. */
async function writesOf(key: string, fromVersion: number): Promise<number> {
  const end = await putConfigMap(direct, freshPath());
  const abort = new AbortController();
  let writes = 0;
  for await (const batch of direct.watch(fromVersion, abort.signal)) {
    writes += batch.events.filter((event) => event.key === key).length;
    if (batch.version >= end.version) break;
  }
  abort.abort();
  return writes;
}

/** Collects a watch in the background; `stop` ends it. */
function collect(
  from: EtcdStorage,
  fromVersion: number,
): { batches: StorageBatch[]; running: Promise<void>; stop: () => Promise<void> } {
  const abort = new AbortController();
  const batches: StorageBatch[] = [];
  const running = (async (): Promise<void> => {
    for await (const batch of from.watch(fromVersion, abort.signal)) batches.push(batch);
  })();
  return {
    batches,
    running,
    stop: () => {
      abort.abort();
      return running;
    },
  };
}

describe('a write whose answer is lost', () => {
  it('is recognised as written', async () => {
    const path = freshPath();
    const start = await storage.currentVersion();
    proxy.lose('answers');
    const writing = putConfigMap(storage, path);
    const found = await eventually(async () => {
      const stored = await direct.get(configMapKey(path.namespace, path.name));
      if (stored === undefined) throw new Error('the write has not reached etcd');
      return stored;
    });
    proxy.heal();
    expect(await writing).toEqual(found);
    expect(await writesOf(found.key, start)).toBe(1);
  });

  it('is recognised below what another has written since', async () => {
    const path = freshPath();
    const start = await storage.currentVersion();
    proxy.lose('answers');
    const writing = putConfigMap(storage, path);
    const key = configMapKey(path.namespace, path.name);
    const found = await eventually(async () => {
      const stored = await direct.get(key);
      if (stored === undefined) throw new Error('the write has not reached etcd');
      return stored;
    });
    const later = await putConfigMap(direct, path, { before: found });
    proxy.heal();
    expect(await writing).toEqual(found);
    expect(await direct.get(key)).toEqual(later);
    expect(await writesOf(key, start)).toBe(2);
  });

  it('is found for each object of a batch', async () => {
    const paths = [freshPath(), freshPath(), freshPath()];
    const [, blocked] = paths;
    const blocking = await putConfigMap(direct, blocked ?? freshPath());
    await storage.currentVersion();
    proxy.lose('answers');
    const puts = paths.map(({ namespace, name }) => ({
      type: 'put' as const,
      key: configMapKey(namespace, name),
      object: configMap(namespace, name),
      expected: 0,
    }));
    const writing = storage.commitEach(puts);
    await eventually(async () => {
      if ((await direct.get(puts[2]?.key ?? '')) === undefined) throw new Error('not written yet');
    });
    proxy.heal();
    const results = await writing;
    expect(results[0]).toEqual(await direct.get(puts[0]?.key ?? ''));
    expect(results[1]).toEqual({ conflict: true, key: blocking.key, actual: blocking.version });
    expect(results[2]).toEqual(await direct.get(puts[2]?.key ?? ''));
  });

  it('is found for each object of a batch that is rewritten', async () => {
    const paths = [freshPath(), freshPath(), freshPath()];
    const before: StoredObject[] = [];
    for (const path of paths) before.push(await putConfigMap(direct, path));
    const rewrite = ({ key, version }: StoredObject, index: number): StorageRewrite => {
      const { namespace, name } = paths[index] ?? freshPath();
      const bytes = prepareObject(configMap(namespace, name, { index: `${index}` }));
      return { type: 'rewrite', key, bytes, expected: version };
    };
    proxy.lose('answers');
    const writing = storage.commitEach(before.map(rewrite));
    const written = await eventually(async () => {
      const now = await Promise.all(before.map(async ({ key }) => await direct.get(key)));
      if (now[0]?.version === before[0]?.version) throw new Error('not written yet');
      return now as StoredObject[];
    });
    proxy.heal();
    expect(await writing).toEqual(written);
    // One of them changes: its answer is its own, and the others are written.
    const [, blocked] = paths;
    const blocking = await putConfigMap(direct, blocked ?? freshPath(), { before: written[1] });
    proxy.lose('answers');
    const again = storage.commitEach(written.map(rewrite));
    await eventually(() => {
      if (proxy.requestBytes === 0) throw new Error('nothing was sent yet');
    });
    proxy.heal();
    const results = await again;
    expect(results[0]).toEqual(await direct.get(written[0]?.key ?? ''));
    expect(results[0]).not.toEqual(written[0]);
    expect(results[1]).toEqual({ conflict: true, key: blocking.key, actual: blocking.version });
    expect(results[2]).toEqual(await direct.get(written[2]?.key ?? ''));
  });

  it('is recognised as deleted', async () => {
    const stored = await putConfigMap(storage, freshPath());
    proxy.lose('answers');
    const deleting = storage.delete([{ key: stored.key, expected: stored.version }]);
    await eventually(async () => {
      if ((await direct.get(stored.key)) !== undefined) throw new Error('not deleted yet');
    });
    proxy.heal();
    expect(await deleting).toMatchObject([{ key: stored.key }]);
  });
});

describe('a write that is lost itself', () => {
  it('is written once', async () => {
    const path = freshPath();
    const start = await storage.currentVersion();
    proxy.lose('requests');
    const writing = putConfigMap(storage, path);
    await eventually(() => {
      if (proxy.requestBytes === 0) throw new Error('nothing was sent yet');
    });
    proxy.heal();
    const stored = await writing;
    expect(await direct.get(stored.key)).toEqual(stored);
    expect(await writesOf(stored.key, start)).toBe(1);
  });

  it('yields to another that came first', async () => {
    const path = freshPath();
    await storage.currentVersion();
    proxy.lose('requests');
    const writing = putConfigMap(storage, path);
    await eventually(() => {
      if (proxy.requestBytes === 0) throw new Error('nothing was sent yet');
    });
    const other = await putConfigMap(direct, path);
    proxy.heal();
    await expect(writing).rejects.toMatchObject({
      code: 'STORAGE_CONFLICT',
      conflict: { actual: other.version },
    });
  });
});

describe('a watch', () => {
  it('loses and repeats nothing when its connection is cut again and again', async () => {
    const start = await storage.currentVersion();
    const watching = collect(storage, start);
    const written: StoredObject[] = [];
    for (let index = 0; index < 300; index += 1) {
      written.push(await putConfigMap(direct, freshPath()));
      if (index % 20 === 10) proxy.cut();
    }
    await eventually(() => {
      expect(watching.batches.at(-1)?.version).toBeGreaterThan(written.at(-1)?.version ?? 0);
    });
    const seen = watching.batches.flatMap(({ events }) => events.map(({ version }) => version));
    expect(seen).toEqual(written.map(({ version }) => version));
    await watching.stop();
  });

  it('joins what comes in fragments', async () => {
    const start = await storage.currentVersion();
    const data = { filler: 'x'.repeat(8_000) };
    const puts = Array.from({ length: 600 }, () => freshPath()).map(({ namespace, name }) => ({
      type: 'put' as const,
      key: configMapKey(namespace, name),
      object: configMap(namespace, name, data),
      expected: 0,
    }));
    const written = (await storage.commitEach(puts)) as StoredObject[];
    const batches = await eventsAfter(storage, start, puts.length);
    const revisions = new Set(written.map(({ version }) => revisionOf(version)));
    expect(batches.map(({ version }) => revisionOf(version))).toEqual([...revisions]);
    expect(batches.flatMap(({ events }) => events.map(({ version }) => version))).toEqual(
      written.map(({ version }) => version),
    );
  });

  it('goes on after etcd was killed and started again', async () => {
    const start = await direct.currentVersion();
    const watching = collect(direct, start);
    const before = await putConfigMap(direct, freshPath());
    await etcd.kill();
    const writing = putConfigMap(direct, freshPath());
    await etcd.launch();
    const after = await writing;
    await eventually(() => {
      const seen = watching.batches.flatMap(({ events }) => events.map(({ version }) => version));
      expect(seen).toEqual([before.version, after.version]);
    });
    await watching.stop();
  });

  it('goes on after etcd stood still for longer than a connection may', async () => {
    const watching = collect(direct, await direct.currentVersion());
    const stopped = performance.now();
    etcd.signal('SIGSTOP');
    const writing = putConfigMap(direct, freshPath());
    await eventually(() => expect(performance.now() - stopped).toBeGreaterThan(9_000));
    etcd.signal('SIGCONT');
    const stored = await writing;
    expect(await direct.get(stored.key)).toEqual(stored);
    await eventually(() => {
      const seen = watching.batches.flatMap(({ events }) => events.map(({ version }) => version));
      expect(seen).toEqual([stored.version]);
    });
    await watching.stop();
  });

  it('says when its place is compacted', async () => {
    const start = await storage.currentVersion();
    await putConfigMap(storage, freshPath());
    const later = await putConfigMap(storage, freshPath());
    const client = new EtcdClient({ endpoints: [etcd.url], clock: systemClock });
    await client.compact(revisionOf(later.version));
    client.close();
    await expect(eventsAfter(storage, start, 1)).rejects.toMatchObject({ code: 'STORAGE_COMPACTED' });
    const scan = storage.scan('/registry/', start);
    await expect(scan.next()).rejects.toMatchObject({ code: 'STORAGE_COMPACTED' });
  });
});

describe('a value that is no object', () => {
  it('is as good as gone to watches and scans, and named by a read', async () => {
    const start = await storage.currentVersion();
    const key = configMapKey('faults', 'foreign');
    const client = new EtcdClient({ endpoints: [etcd.url], clock: systemClock });
    const put = { type: 'put' as const, key, value: Buffer.from('not ours') };
    await client.txn({ compare: [], success: [put], failure: [] }, systemClock.monotonicMs() + 5_000);
    client.close();
    const stored = await putConfigMap(storage, freshPath());
    expect((await eventsAfter(storage, start, 2)).flatMap(({ events }) => events)).toMatchObject([
      { type: 'delete', key },
      { type: 'put', key: stored.key },
    ]);
    const keys: string[] = [];
    for await (const page of storage.scan('/registry/')) keys.push(...page.objects.map((each) => each.key));
    expect(keys).toContain(stored.key);
    expect(keys).not.toContain(key);
    await expect(storage.get(key)).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' });
  });
});

describe('a store that was replaced', () => {
  it('is noticed by the watch and by the next read, and is usable then', async () => {
    await putConfigMap(direct, freshPath());
    const watching = collect(direct, await direct.currentVersion());
    const ended = expect(watching.running).rejects.toMatchObject({ code: 'STORAGE_RESTORED' });
    await putConfigMap(direct, freshPath());
    await eventually(() => expect(watching.batches).toHaveLength(1));
    await etcd.kill();
    etcd.erase();
    await etcd.launch();
    await eventually(async () => {
      await expect(direct.currentVersion()).resolves.toBeGreaterThan(0);
    });
    await ended;
    const stored = await putConfigMap(direct, freshPath());
    expect(await direct.get(stored.key)).toEqual(stored);
  });
});

describe('single writes that go together', () => {
  it('share a transaction, and what is too large or in conflict fails alone', async () => {
    const paths = Array.from({ length: 20 }, freshPath);
    const [taken = freshPath(), large = freshPath()] = paths;
    const before = await putConfigMap(direct, taken);
    const data = { filler: 'x'.repeat(2 * 1024 * 1024) };
    // Those that come while the first is under way are gathered.
    const first = putConfigMap(storage, freshPath());
    const writing = paths.map((path) => putConfigMap(storage, path, path === large ? { data } : {}));
    const outcomes = await Promise.allSettled(writing);
    await first;
    expect(outcomes[0]).toMatchObject({
      reason: { code: 'STORAGE_CONFLICT', conflict: { actual: before.version } },
    });
    expect(outcomes[1]).toMatchObject({ reason: { code: 'STORAGE_TOO_LARGE' } });
    const written = outcomes.slice(2).map((each) => (each.status === 'fulfilled' ? each.value : undefined));
    for (const stored of written) expect(await direct.get(stored?.key ?? '')).toEqual(stored);
    const revisions = new Set(written.map((stored) => revisionOf(stored?.version ?? 0)));
    expect(revisions.size).toBeLessThan(written.length / 2);
  });
});
