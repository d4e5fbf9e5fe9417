import { afterEach, beforeEach, expect, it } from 'vitest';
import type { AnyObject } from '../../api/kind-info.ts';
import { everything } from '../../api/selector.ts';
import { silentLogger } from '../../base/logger.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { keyOf } from '../storage/keys.ts';
import { MemoryStorage } from '../storage/memory-storage.ts';
import type { CacheWatchRequest, WatchEncoding, WatchSink } from './read-cache.ts';
import { WatchCache } from './watch-cache.ts';

const plain: WatchEncoding = {
  id: 'json',
  hasFirst: false,
  encode: (type, object) => Buffer.from(`${type} ${object.json.toString()}\n`),
  bookmark: () => Buffer.from('BOOKMARK {}\n'),
  error: () => Buffer.from('ERROR {}\n'),
};

/** What one watcher got: each write as one list of events. */
class Received implements WatchSink {
  readonly writes: string[][] = [];
  write(frames: Buffer): boolean {
    this.writes.push(frames.toString().trimEnd().split('\n').map(short));
    return true;
  }
  onDrain(): void {
    throw new Error('it never asks for a pause');
  }
  end(): void {
    this.writes.push(['end']);
  }
}

function short(line: string): string {
  const [type = '', ...rest] = line.split(' ');
  const { metadata, size } = JSON.parse(rest.join(' ')) as { metadata?: { name: string }; size?: number };
  return metadata === undefined ? type : `${type} ${metadata.name}=${size}`;
}

let clock: ManualClock;
let storage: MemoryStorage;
let cache: WatchCache;
let abort: AbortController;
let running: Promise<void>;

function start(): void {
  abort = new AbortController();
  cache = new WatchCache({
    ...{ storage, clock, logger: silentLogger, fieldsOf: () => new Map() },
    derivations: [
      {
        ...{ source: '/nodes', resource: 'coracle.dev/sizes', kind: 'Size', apiVersion: 'coracle.dev/v1' },
        fieldsOf: (node) => ({ size: node['size'] }),
      },
    ],
  });
  running = cache.run(abort.signal);
}

beforeEach(async () => {
  clock = new ManualClock();
  storage = new MemoryStorage();
  start();
  await clock.advance(0);
});
afterEach(async () => {
  abort.abort();
  await clock.advance(0);
  await running;
});

const nodeOf = (name: string, size: number, note: string): AnyObject => ({
  ...{ kind: 'Node', apiVersion: 'v1', size, note },
  metadata: { name, uid: `uid-${name}`, resourceVersion: '', creationTimestamp: '2026-01-01T00:00:00Z' },
});

async function put(name: string, size: number, note = ''): Promise<void> {
  const key = keyOf('/nodes', '', name);
  const before = await storage.get(key);
  const object = nodeOf(name, size, note);
  await storage.commit([{ type: 'put', key, object, expected: before?.version ?? 0 }]);
  await clock.advance(0);
}

async function remove(name: string): Promise<void> {
  const found = await storage.get(keyOf('/nodes', '', name));
  await storage.delete([{ key: found?.key ?? '', expected: found?.version ?? 0 }]);
  await clock.advance(0);
}

const ofSizes = { resource: 'coracle.dev/sizes', namespace: '', labels: everything, fields: everything };

async function watch(extra: Partial<CacheWatchRequest> = {}): Promise<Received> {
  const received = new Received();
  const from = { fromVersion: undefined, sendInitialEvents: false, startWithState: false, bookmarks: false };
  cache.watch({ ...ofSizes, ...from, encoding: plain, ...extra }, received);
  await clock.advance(0);
  return received;
}

it('says of each source what it is asked for, under the version of its source', async () => {
  await put('a', 1);
  await put('b', 2);
  const [a] = cache.list(ofSizes).objects;
  expect(JSON.parse(a?.json.toString() ?? '')).toEqual({
    ...{ kind: 'Size', apiVersion: 'coracle.dev/v1', size: 1 },
    metadata: { name: 'a', uid: 'uid-a', resourceVersion: String(cache.get('/nodes', '', 'a')?.version) },
  });
  await remove('a');
  expect(cache.list(ofSizes).objects.map(({ name }) => name)).toEqual(['b']);
  expect([...cache.sizes()]).toEqual([['/nodes', 1]]);
});

it('tells of changes of what it says, and of no others', async () => {
  await put('a', 1);
  const received = await watch({ sendInitialEvents: true });
  const { version } = cache.get('coracle.dev/sizes', '', 'a') ?? {};
  await put('a', 1, 'something else');
  expect(cache.get('coracle.dev/sizes', '', 'a')?.version).toBe(version);
  await put('a', 2);
  await clock.advance(1);
  await remove('a');
  expect(received.writes).toEqual([['ADDED a=1'], ['BOOKMARK'], ['MODIFIED a=2'], ['DELETED a=2']]);
});

it('goes on with what was begun before it was loaded', async () => {
  await put('a', 1);
  await put('b', 1);
  const fromVersion = cache.version;
  await put('a', 1, 'something else');
  await put('b', 2);
  abort.abort();
  await clock.advance(0);
  await running;
  start();
  await clock.advance(0);
  expect((await watch({ fromVersion })).writes).toEqual([['MODIFIED b=2']]);
  expect((await watch({ sendInitialEvents: true })).writes).toEqual([
    ['ADDED a=1', 'ADDED b=2'],
    ['BOOKMARK'],
  ]);
});

it('sends the first change at once and gathers the next, the longer the more watch', async () => {
  const all = await Promise.all(Array.from({ length: 100 }, () => watch()));
  const told = (): string[][] => all[0]?.writes ?? [];
  await put('a', 1);
  expect(told()).toEqual([['ADDED a=1']]);
  await put('a', 2);
  await put('b', 1);
  await clock.advance(49);
  expect(told()).toHaveLength(1);
  await clock.advance(1);
  expect(told().slice(1)).toEqual([['MODIFIED a=2', 'ADDED b=1']]);
  await clock.advance(50);
  await put('c', 1);
  expect(told().slice(2)).toEqual([['ADDED c=1']]);
  for (const { writes } of all) expect(writes).toEqual(told());
});

it('tells who joins while changes gather of those alone that he has not seen', async () => {
  const first = await watch();
  await Promise.all(Array.from({ length: 99 }, () => watch()));
  await put('a', 1);
  await put('a', 2);
  const late = await watch({ sendInitialEvents: true });
  await put('a', 3);
  const later = await watch({ startWithState: true });
  await clock.advance(50);
  expect(first.writes).toEqual([['ADDED a=1'], ['MODIFIED a=2', 'MODIFIED a=3']]);
  expect(late.writes).toEqual([['ADDED a=2'], ['BOOKMARK'], ['MODIFIED a=3']]);
  expect(later.writes).toEqual([['ADDED a=3']]);
  await clock.advance(60);
  await put('a', 4);
  for (const { writes } of [first, late, later]) expect(writes.at(-1)).toEqual(['MODIFIED a=4']);
});

it('begins with the whole state as it is, however it came about', async () => {
  const shown = async (): Promise<readonly string[]> => {
    const { writes } = await watch({ sendInitialEvents: true });
    expect(writes.at(-1)).toEqual(['BOOKMARK']);
    return writes.slice(0, -1).flat().sort();
  };
  expect(await shown()).toEqual([]);
  for (let n = 0; n < 300; n += 1) await put(`n-${n}`, n);
  const all = Array.from({ length: 300 }, (_, n) => `ADDED n-${n}=${n}`);
  expect(await shown()).toEqual([...all].sort());
  await remove('n-7');
  await put('n-8', 1_000);
  await put('m', 1);
  const changed = [...all.filter((_, n) => n !== 7 && n !== 8), 'ADDED n-8=1000', 'ADDED m=1'].sort();
  expect(await shown()).toEqual(changed);
  const fields = [{ key: 'metadata.name', operator: 'in' as const, values: ['n-8'] }];
  expect((await watch({ startWithState: true, fields })).writes).toEqual([['ADDED n-8=1000']]);
});
