import { expect, it } from 'vitest';
import type { AnyObject } from '../../api/kind-info.ts';
import { prepareObject } from '../../apiserver/storage/envelope.ts';
import { keyOf } from '../../apiserver/storage/keys.ts';
import type {
  Storage,
  StorageBatch,
  StorageError,
  StorageEvent,
  StoragePut,
  StorageRewrite,
  StoredObject,
} from '../../apiserver/storage/storage.ts';
import { revisionOf } from '../../apiserver/storage/version.ts';

export function configMap(namespace: string, name: string, data: Record<string, string> = {}): AnyObject {
  return {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: {
      name,
      namespace,
      uid: `uid-${name}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      resourceVersion: '',
    },
    data,
  };
}

export const configMapKey = (namespace: string, name: string): string =>
  keyOf('/configmaps', namespace, name);

/** Writes one object on the condition that it is at `before`. */
export async function putConfigMap(
  storage: Storage,
  path: { readonly namespace: string; readonly name: string },
  options: { readonly before?: StoredObject | undefined; readonly data?: Record<string, string> } = {},
): Promise<StoredObject> {
  const { namespace, name } = path;
  const object = configMap(namespace, name, options.data);
  const key = configMapKey(namespace, name);
  const [stored] = await storage.commit([
    { type: 'put', key, object, expected: options.before?.version ?? 0 },
  ]);
  return stored as StoredObject;
}

/** The first batches with events after `fromVersion`, until there are `count` events. */
export async function eventsAfter(
  storage: Storage,
  fromVersion: number,
  count: number,
): Promise<StorageBatch[]> {
  const abort = new AbortController();
  const batches: StorageBatch[] = [];
  let events = 0;
  for await (const batch of storage.watch(fromVersion, abort.signal)) {
    if (batch.events.length > 0) batches.push({ ...batch, events: batch.events.map(withoutObject) });
    events += batch.events.length;
    if (events >= count) break;
  }
  abort.abort();
  return batches;
}

/** The object that a writer's own event brings along, which must be what the bytes say, is not the same for all. */
function withoutObject(event: StorageEvent): StorageEvent {
  if (event.type === 'delete') return event;
  const { object, base: _ofRewrites, changes: _also, ...rest } = event;
  if (object === undefined) return rest;
  const written = { ...object, metadata: { ...object.metadata, resourceVersion: String(event.version) } };
  expect(JSON.parse(event.json.toString())).toEqual(written);
  return rest;
}

let count = 0;
const fresh = (): string => `contract-${count++}`;
const at = (namespace: string, name = 'a'): { namespace: string; name: string } => ({ namespace, name });

/** What every implementation of `Storage` promises. `storage` gives the instance under test. */
export function storageContract(storage: () => Storage): void {
  singleWrites(storage);
  manyWrites(storage);
  batchWrites(storage);
  rewrites(storage);
  scans(storage);
  watches(storage);
}

function singleWrites(storage: () => Storage): void {
  it('gives back what was written, with its resourceVersion', async () => {
    const namespace = fresh();
    const stored = await putConfigMap(storage(), at(namespace), { data: { greeting: 'grüß "dich" €' } });
    const read = await storage().get(stored.key);
    expect(read).toEqual(stored);
    const object = JSON.parse(stored.json.toString());
    expect(object).toMatchObject({ kind: 'ConfigMap', data: { greeting: 'grüß "dich" €' } });
    expect(object.metadata).toMatchObject({ name: 'a', resourceVersion: String(stored.version) });
  });

  it('knows no object that was not written', async () => {
    expect(await storage().get(configMapKey(fresh(), 'none'))).toBeUndefined();
  });

  it('refuses a creation over an existing object, and names its version', async () => {
    const namespace = fresh();
    const stored = await putConfigMap(storage(), at(namespace));
    const failure = await putConfigMap(storage(), at(namespace)).catch((error: StorageError) => error);
    expect(failure).toMatchObject({
      code: 'STORAGE_CONFLICT',
      conflict: { key: stored.key, actual: stored.version },
    });
  });

  it('refuses an update of another version, and of what is gone', async () => {
    const namespace = fresh();
    const first = await putConfigMap(storage(), at(namespace));
    const second = await putConfigMap(storage(), at(namespace), { before: first });
    await expect(putConfigMap(storage(), at(namespace), { before: first })).rejects.toMatchObject({
      conflict: { actual: second.version },
    });
    await storage().delete([{ key: second.key, expected: second.version }]);
    await expect(putConfigMap(storage(), at(namespace), { before: second })).rejects.toMatchObject({
      conflict: { actual: 0 },
    });
  });
}

function manyWrites(storage: () => Storage): void {
  it('commits all or nothing, also on the version of a key that is not written', async () => {
    const namespace = fresh();
    const fence = await putConfigMap(storage(), at(namespace, 'fence'));
    const puts = ['x', 'y'].map((name) => ({
      type: 'put' as const,
      key: configMapKey(namespace, name),
      object: configMap(namespace, name),
      expected: 0,
    }));
    const check = { type: 'check' as const, key: fence.key, expected: fence.version };
    const stored = await storage().commit([...puts, check]);
    expect(stored.map(({ version }) => version % 128)).toEqual([0, 1]);
    expect(new Set(stored.map(({ version }) => revisionOf(version))).size).toBe(1);
    await putConfigMap(storage(), at(namespace, 'fence'), { before: fence });
    const again = puts.map((put, index) => ({ ...put, expected: stored[index]?.version ?? 0 }));
    await expect(storage().commit([...again, check])).rejects.toMatchObject({ conflict: { key: fence.key } });
    expect(await storage().get(puts[0]?.key ?? '')).toEqual(stored[0]);
  });
}

const likelyOrNot: readonly Pick<StoragePut, 'isLikely'>[] = [{}, { isLikely: true }];

function batchWrites(storage: () => Storage): void {
  it.each(likelyOrNot)('commits each on its own condition: %j', async (likely) => {
    const namespace = fresh();
    const names = Array.from({ length: 300 }, (_, index) => `n${String(index).padStart(3, '0')}`);
    const blocking = await putConfigMap(storage(), at(namespace, 'n150'));
    const results = await storage().commitEach(
      names.map((name) => ({
        type: 'put',
        key: configMapKey(namespace, name),
        object: configMap(namespace, name),
        expected: 0,
        ...likely,
      })),
    );
    expect(results.filter((result) => 'conflict' in result)).toEqual([
      { conflict: true, key: blocking.key, actual: blocking.version },
    ]);
    for (const result of results)
      if (!('conflict' in result)) expect(await storage().get(result.key)).toEqual(result);
  });

  it.each(likelyOrNot)('commits none where a check of all does not hold: %j', async (likely) => {
    const namespace = fresh();
    const fence = await putConfigMap(storage(), at(namespace, 'fence'));
    const puts = ['a', 'b'].map((name) => ({
      type: 'put' as const,
      key: configMapKey(namespace, name),
      object: configMap(namespace, name),
      expected: 0,
      ...likely,
    }));
    const check = { type: 'check' as const, key: fence.key, expected: fence.version };
    const stale = { ...check, expected: 0 };
    const refused = { conflict: true, key: fence.key, actual: fence.version };
    expect(await storage().commitEach(puts, [stale])).toEqual([refused, refused]);
    expect(await storage().commitEach(puts.slice(1), [stale])).toEqual([refused]);
    const written = await storage().commitEach(puts, [check]);
    expect(written.map((each) => ('conflict' in each ? 'conflict' : each.key))).toEqual(
      puts.map(({ key }) => key),
    );
  });

  it('writes a key twice in one call, one after the other', async () => {
    const namespace = fresh();
    const put = {
      type: 'put' as const,
      key: configMapKey(namespace, 'a'),
      object: configMap(namespace, 'a'),
      expected: 0,
    };
    const [first, second] = await storage().commitEach([put, put]);
    expect(second).toMatchObject({ conflict: true, actual: (first as StoredObject).version });
  });

  it('deletes each on its own condition', async () => {
    const namespace = fresh();
    const stored: StoredObject[] = [];
    for (let index = 0; index < 70; index += 1)
      stored.push(await putConfigMap(storage(), at(namespace, `d${index}`)));
    const deletes = stored.map(({ key, version }, index) => ({ key, expected: index === 3 ? 1 : version }));
    const results = await storage().delete(deletes);
    expect(results[3]).toMatchObject({ conflict: true, actual: stored[3]?.version });
    expect(results.filter((result) => 'conflict' in result)).toHaveLength(1);
    expect(await storage().get(stored[4]?.key ?? '')).toBeUndefined();
    expect(await storage().get(stored[3]?.key ?? '')).toEqual(stored[3]);
  });
}

function rewrites(storage: () => Storage): void {
  it('rewrites by bytes, each on its own condition, and says what they are indexed as', async () => {
    const namespace = fresh();
    const names = Array.from({ length: 130 }, (_, index) => `w${index}`);
    const before: StoredObject[] = [];
    for (const name of names) before.push(await putConfigMap(storage(), at(namespace, name)));
    const rewrite = ({ key, version }: StoredObject, index: number): StorageRewrite => {
      const object = configMap(namespace, names[index] ?? '', { index: `${index} ü` });
      return { type: 'rewrite', key, bytes: prepareObject(object), expected: version };
    };
    const first = await storage().commitEach(before.map(rewrite));
    expect(first.filter((each) => 'conflict' in each)).toEqual([]);
    const [, blocked] = first as StoredObject[];
    const blocking = await putConfigMap(storage(), at(namespace, 'w1'), { before: blocked });
    const start = await storage().currentVersion();
    const second = await storage().commitEach((first as StoredObject[]).map(rewrite));
    for (const [index, result] of second.entries())
      if (index === 1)
        expect(result).toEqual({ conflict: true, key: blocking.key, actual: blocking.version });
      else expect(await storage().get(before[index]?.key ?? '')).toEqual(result);
    const events = (await eventsAfter(storage(), start, names.length - 1)).flatMap((batch) => batch.events);
    const written = second.flatMap((each) => ('conflict' in each ? [] : [each]));
    // Transactions of one request may overtake each other.
    expect(events.map(({ key, version }) => ({ key, version }))).toEqual(
      written.map(({ key, version }) => ({ key, version })).sort((a, b) => a.version - b.version),
    );
  });
}

function scans(storage: () => Storage): void {
  it('scans in key order, at now and at a version', async () => {
    const namespace = fresh();
    const puts = Array.from({ length: 1_200 }, (_, index) => {
      const name = `s${String(index).padStart(4, '0')}`;
      return {
        type: 'put' as const,
        key: configMapKey(namespace, name),
        object: configMap(namespace, name),
        expected: 0,
      };
    });
    const written = await storage().commitEach(puts);
    const version = await storage().currentVersion();
    const last = written.at(-1) as StoredObject;
    await storage().delete([{ key: last.key, expected: last.version }]);
    const now = await scanned(storage(), namespace);
    const then = await scanned(storage(), namespace, version);
    expect(now.keys).toEqual(puts.slice(0, -1).map(({ key }) => key));
    expect(then.keys).toEqual(puts.map(({ key }) => key));
    expect(then.versions).toEqual(new Set([version]));
  });
}

function watches(storage: () => Storage): void {
  it('watches whole transactions in order, from any version', async () => {
    const namespace = fresh();
    const start = await storage().currentVersion();
    const a = await putConfigMap(storage(), at(namespace, 'a'));
    const both = await storage().commitEach(
      ['b', 'c'].map((name) => ({
        type: 'put',
        key: configMapKey(namespace, name),
        object: configMap(namespace, name),
        expected: 0,
      })),
    );
    const [gone] = await storage().delete([{ key: a.key, expected: a.version }]);
    const batches = await eventsAfter(storage(), start, 4);
    expect(
      batches.map(({ events }) => events.map(({ type, key, version }) => ({ type, key, version }))),
    ).toEqual([
      [{ type: 'put', key: a.key, version: a.version }],
      both.map((stored) => ({ type: 'put', key: stored.key, version: (stored as StoredObject).version })),
      [{ type: 'delete', key: a.key, version: (gone as StoredObject).version }],
    ]);
    expect(batches.every(({ version }) => version % 128 === 127)).toBe(true);
    const resumed = await eventsAfter(storage(), batches[0]?.version ?? 0, 3);
    expect(resumed).toEqual(batches.slice(1));
  });

  it('watches what is written while it watches', async () => {
    const namespace = fresh();
    const coming = eventsAfter(storage(), await storage().currentVersion(), 2);
    const first = await putConfigMap(storage(), at(namespace));
    const second = await putConfigMap(storage(), at(namespace), { before: first });
    const events = (await coming).flatMap((batch) => batch.events);
    expect(events).toMatchObject([
      { created: true, json: first.json },
      { created: false, json: second.json },
    ]);
  });

  it('ends a watch when its signal aborts', async () => {
    const abort = new AbortController();
    const watching = (async (): Promise<void> => {
      for await (const _batch of storage().watch(await storage().currentVersion(), abort.signal));
    })();
    abort.abort();
    await watching;
  });

  it('refuses to watch from a version that is still to come', async () => {
    const future = (await storage().currentVersion()) + 128_000;
    await expect(eventsAfter(storage(), future, 1)).rejects.toMatchObject({ code: 'STORAGE_RESTORED' });
  });
}

async function scanned(
  storage: Storage,
  namespace: string,
  atVersion?: number,
): Promise<{ keys: string[]; versions: Set<number> }> {
  const keys: string[] = [];
  const versions = new Set<number>();
  for await (const page of storage.scan(`/registry/configmaps/${namespace}/`, atVersion)) {
    keys.push(...page.objects.map(({ key }) => key));
    versions.add(page.version);
  }
  return { keys, versions };
}
