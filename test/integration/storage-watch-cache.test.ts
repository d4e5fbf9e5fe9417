import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { everything } from '../../api/selector.ts';
import { EtcdStorage } from '../../apiserver/storage/etcd/etcd-storage.ts';
import type { CacheWatchRequest, WatchEncoding, WatchSink } from '../../apiserver/watch-cache/read-cache.ts';
import { WatchCache } from '../../apiserver/watch-cache/watch-cache.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { EtcdProcess } from '../support/etcd-process.ts';
import { eventually } from '../support/eventually.ts';
import { FaultyProxy } from '../support/faulty-proxy.ts';
import { putConfigMap } from '../support/storage-contract.ts';

const encoding: WatchEncoding = {
  id: 'names',
  hasFirst: false,
  encode: (type, object) => Buffer.from(`${type} ${JSON.parse(object.json.toString()).metadata.name}\n`),
  bookmark: (version) => Buffer.from(`BOOKMARK ${version}\n`),
  error: (status) => Buffer.from(`ERROR ${'code' in status ? status.code : 'none'}\n`),
};

class TextSink implements WatchSink {
  text = '';
  ended = false;
  write(frames: Buffer): boolean {
    this.text += frames.toString();
    return true;
  }
  onDrain(): void {}
  end(): void {
    this.ended = true;
  }
}

const query = { resource: '/configmaps', namespace: '', labels: everything, fields: everything };
const request = (fromVersion?: number): CacheWatchRequest => ({
  ...query,
  fromVersion,
  sendInitialEvents: false,
  startWithState: false,
  bookmarks: true,
  encoding,
});

let etcd: EtcdProcess;
let proxy: FaultyProxy;
let storage: EtcdStorage;
let cache: WatchCache;
let abort: AbortController;
let running: Promise<void>;

async function startCache(): Promise<void> {
  abort = new AbortController();
  cache = new WatchCache({ storage, clock: systemClock, logger: silentLogger, fieldsOf: () => new Map() });
  running = cache.run(abort.signal);
  await cache.whenReady();
}

async function stopCache(): Promise<void> {
  abort.abort();
  await running;
}

beforeEach(async () => {
  etcd = await EtcdProcess.start();
  proxy = await FaultyProxy.start(etcd.port);
  storage = new EtcdStorage({ endpoints: [proxy.url, etcd.url], logger: silentLogger });
  await startCache();
});

afterEach(async () => {
  await stopCache();
  await storage.close();
  await proxy.stop();
  await etcd.stop();
});

const path = (name: string): { namespace: string; name: string } => ({ namespace: 'cached', name });
const names = (): string[] => cache.list(query).objects.map((object) => object.name);

describe('the watch cache over etcd', () => {
  it('is as new as the store when asked to be', async () => {
    for (const name of ['a', 'b', 'c']) {
      await putConfigMap(storage, path(name));
      await cache.waitCurrent();
      expect(cache.get('/configmaps', 'cached', name)?.name).toBe(name);
    }
    expect(names()).toEqual(['a', 'b', 'c']);
  });

  it('lets a client resume over a restart of the server', async () => {
    const a = await putConfigMap(storage, path('a'));
    await putConfigMap(storage, path('b'));
    await storage.delete([{ key: a.key, expected: a.version }]);
    await stopCache();
    await startCache();
    expect(names()).toEqual(['b']);
    const sink = new TextSink();
    cache.watch(request(a.version), sink);
    await eventually(() => expect(sink.text).toBe('ADDED b\nDELETED a\n'));
  });

  it('goes on when its endpoint goes away', async () => {
    const sink = new TextSink();
    cache.watch(request(), sink);
    await putConfigMap(storage, path('a'));
    await eventually(() => expect(sink.text).toBe('ADDED a\n'));
    await proxy.stop();
    await putConfigMap(storage, path('b'));
    await eventually(() => expect(sink.text).toBe('ADDED a\nADDED b\n'));
    expect(await cache.waitCurrent()).toBe(cache.version);
  });

  it('drops everything when the store was replaced, and says so to its watchers', async () => {
    await putConfigMap(storage, path('a'));
    await cache.waitCurrent();
    const sink = new TextSink();
    cache.watch(request(), sink);
    await etcd.kill();
    etcd.erase();
    await etcd.launch();
    await eventually(() => expect(sink.ended).toBe(true));
    expect(sink.text).toBe('ERROR 410\n');
    await cache.whenReady();
    await putConfigMap(storage, path('z'));
    await eventually(async () => {
      await cache.waitCurrent();
      expect(names()).toEqual(['z']);
    });
  });
});
