import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AnyObject } from '../../api/kind-info.ts';
import { everything } from '../../api/selector.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { prepareObject } from '../storage/envelope.ts';
import { keyOf } from '../storage/keys.ts';
import { MemoryStorage } from '../storage/memory-storage.ts';
import type { StoredObject } from '../storage/storage.ts';
import type { CacheWatchRequest, WatchEncoding, WatchSink } from './read-cache.ts';
import { WatchCache } from './watch-cache.ts';

const plain: WatchEncoding = {
  id: 'json',
  hasFirst: false,
  encode: (type, object) => Buffer.from(`{"type":"${type}","object":${object.json.toString()}}\n`),
  bookmark: (version, end) => Buffer.from(`${JSON.stringify({ type: 'BOOKMARK', version, end })}\n`),
  error: (status) => Buffer.from(`${JSON.stringify({ type: 'ERROR', object: status })}\n`),
};

class Lines implements WatchSink {
  text = '';
  ended = false;
  paused = false;
  resume: (() => void) | undefined;
  write(frames: Buffer): boolean {
    this.text += frames.toString();
    return !this.paused;
  }
  onDrain(resume: () => void): void {
    this.resume = resume;
  }
  end(): void {
    this.ended = true;
  }
  get events(): string[] {
    return this.text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const { type, object, version, end } = JSON.parse(line);
        if (type === 'BOOKMARK') return `BOOKMARK ${version}${end ? ' end' : ''}`;
        return type === 'ERROR' ? `ERROR ${object.code}` : `${type} ${object.metadata.name}`;
      });
  }
}

const pod = (name: string, fields: { node?: string; app?: string } = {}): AnyObject => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: {
    name,
    namespace: 'default',
    uid: `uid-${name}`,
    labels: { app: fields.app ?? 'web' },
    creationTimestamp: '2026-01-01T00:00:00Z',
    resourceVersion: '',
  },
  spec: { nodeName: fields.node },
});

const request = (extra: Partial<CacheWatchRequest> = {}): CacheWatchRequest => ({
  resource: '/pods',
  namespace: '',
  labels: everything,
  fields: everything,
  fromVersion: undefined,
  sendInitialEvents: false,
  startWithState: false,
  bookmarks: false,
  encoding: plain,
  ...extra,
});

describe('watch cache', () => {
  let storage: MemoryStorage;
  let cache: WatchCache;
  let abort: AbortController;
  let running: Promise<void>;

  beforeEach(async () => {
    storage = new MemoryStorage();
    abort = new AbortController();
    cache = new WatchCache({
      storage,
      clock: systemClock,
      logger: silentLogger,
      fieldsOf: (_resource, object) => {
        const spec = object['spec'] as { nodeName?: string } | undefined;
        return new Map([['spec.nodeName', spec?.nodeName ?? '']]);
      },
    });
    running = cache.run(abort.signal);
    await cache.whenReady();
  });

  afterEach(async () => {
    abort.abort();
    await running;
  });

  const put = async (object: AnyObject, before?: StoredObject): Promise<StoredObject> => {
    const key = keyOf('/pods', 'default', object.metadata.name ?? '');
    const [stored] = await storage.commit([{ type: 'put', key, object, expected: before?.version ?? 0 }]);
    return stored as StoredObject;
  };

  const settled = async (): Promise<void> => {
    await cache.waitCurrent();
    for (let turn = 0; turn < 3; turn += 1)
      await new Promise<void>((resolve) => systemClock.setImmediate(resolve));
  };

  it('lists what is written, with the stored bytes', async () => {
    const stored = await put(pod('a'));
    await put(pod('b'));
    await settled();
    const page = cache.list({ resource: '/pods', namespace: '', labels: everything, fields: everything });
    expect(page.objects.map((object) => object.name)).toEqual(['a', 'b']);
    expect(page.objects[0]?.json).toEqual(stored.json);
    expect(page.version % 128).toBe(127);
  });

  it('takes over bytes that say nothing new of labels, fields and owners', async () => {
    const stored = await put(pod('a', { node: 'host-1' }));
    const object = { ...pod('a', { node: 'host-1' }), status: { phase: 'Running' } };
    await settled();
    const sink = new Lines();
    cache.watch(request({ fields: [{ key: 'spec.nodeName', operator: 'in', values: ['host-1'] }] }), sink);
    const put1 = { type: 'rewrite' as const, key: stored.key, bytes: prepareObject(object) };
    const [rewritten] = await storage.commitEach([{ ...put1, expected: stored.version }]);
    await settled();
    const found = cache.get('/pods', 'default', 'a');
    expect(found).toMatchObject({ version: (rewritten as StoredObject).version, uid: 'uid-a' });
    expect(found?.json).toEqual((rewritten as StoredObject).json);
    expect(found?.labels.get('app')).toBe('web');
    expect(found?.fields.get('spec.nodeName')).toBe('host-1');
    expect(sink.events).toEqual(['MODIFIED a']);
  });

  it('continues a list at its version while objects come and go', async () => {
    const a = await put(pod('a'));
    await put(pod('b'));
    await put(pod('c'));
    await settled();
    const query = { resource: '/pods', namespace: 'default', labels: everything, fields: everything };
    const first = cache.list({ ...query, limit: 1 });
    expect(first).toMatchObject({ next: a.key, remaining: 2 });
    const c = cache.get('/pods', 'default', 'c');
    await storage.delete([{ key: c?.key ?? '', expected: c?.version ?? 0 }]);
    await put(pod('bb'));
    await settled();
    const rest = cache.list({ ...query, after: first.next, atVersion: first.version });
    expect(rest.objects.map((object) => object.name)).toEqual(['b', 'c']);
    expect(cache.list(query).objects.map((object) => object.name)).toEqual(['a', 'b', 'bb']);
  });

  it('sends the initial state, its bookmark, then changes', async () => {
    await put(pod('a'));
    await settled();
    const sink = new Lines();
    const { version } = cache;
    cache.watch(request({ sendInitialEvents: true, bookmarks: true }), sink);
    const b = await put(pod('b'));
    await put(pod('b', { app: 'other' }), b);
    await settled();
    expect(sink.events).toEqual(['ADDED a', `BOOKMARK ${version} end`, 'ADDED b', 'MODIFIED b']);
  });

  it('tells a selecting watcher of objects that begin and cease to match', async () => {
    const sink = new Lines();
    const fields = [{ key: 'spec.nodeName', operator: 'in' as const, values: ['n1'] }];
    cache.watch(request({ fields }), sink);
    const free = await put(pod('a'));
    const bound = await put(pod('a', { node: 'n1' }), free);
    await put(pod('a', { node: 'n2' }), bound);
    await settled();
    expect(sink.events).toEqual(['ADDED a', 'DELETED a']);
    const deleted = JSON.parse(sink.text.split('\n')[1] ?? '');
    expect(deleted.object.spec.nodeName).toBe('n1');
    expect(deleted.object.metadata.resourceVersion).toBe(String(cache.get('/pods', 'default', 'a')?.version));
  });

  it('resumes from a version', async () => {
    const a = await put(pod('a'));
    const b = await put(pod('b'));
    await storage.delete([{ key: a.key, expected: a.version }]);
    await settled();
    const sink = new Lines();
    cache.watch(request({ fromVersion: b.version }), sink);
    await settled();
    expect(sink.events).toEqual(['DELETED a']);
  });

  it('ends a watcher that does not drain', async () => {
    const small = new Lines();
    small.paused = true;
    const limited = new WatchCache({
      storage,
      clock: systemClock,
      logger: silentLogger,
      fieldsOf: () => new Map(),
      watcherBufferBytes: 300,
    });
    const limitedRun = limited.run(abort.signal);
    await limited.whenReady();
    limited.watch(request(), small);
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      await put(pod(name));
      await limited.waitCurrent();
      await settled();
    }
    expect(small.ended).toBe(true);
    expect(limited.watchers).toBe(0);
    abort.abort();
    await limitedRun;
  });

  it('cuts off a watcher that takes nothing for minutes, also while it catches up', async () => {
    const clock = new ManualClock();
    const patient = new WatchCache({ storage, clock, logger: silentLogger, fieldsOf: () => new Map() });
    const running = patient.run(abort.signal);
    await clock.advance(0);
    await patient.whenReady();
    for (let at = 0; at < 250; at += 1) await put(pod(`pod-${at}`));
    await clock.advance(0);
    const [stalled, slow] = [new Lines(), new Lines()];
    for (const sink of [stalled, slow]) {
      sink.paused = true;
      patient.watch(request({ sendInitialEvents: true }), sink);
    }
    await clock.advance(60_000);
    expect([stalled.ended, slow.ended]).toEqual([false, false]);
    slow.resume?.();
    await clock.advance(60_000);
    expect([stalled.ended, slow.ended]).toEqual([true, false]);
    expect(patient.watchers).toBe(1);
    abort.abort();
    await clock.advance(0);
    await running;
  });
});
