import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EtcdAdministration } from '../../apiserver/storage/etcd/administration.ts';
import { type CompactionState, compactOnce } from '../../apiserver/storage/etcd/compaction.ts';
import { EtcdClient } from '../../apiserver/storage/etcd/etcd-client.ts';
import { EtcdStorage } from '../../apiserver/storage/etcd/etcd-storage.ts';
import { checkSpace } from '../../apiserver/storage/etcd/space.ts';
import type { StoredObject } from '../../apiserver/storage/storage.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { EtcdProcess } from '../support/etcd-process.ts';
import { eventsAfter, putConfigMap } from '../support/storage-contract.ts';

let etcd: EtcdProcess;
let storage: EtcdStorage;
let client: EtcdClient;

beforeEach(async () => {
  etcd = await EtcdProcess.start({ quotaBytes: 16 * 1024 * 1024 });
  storage = new EtcdStorage({ endpoints: [etcd.url], logger: silentLogger });
  client = new EtcdClient({ endpoints: [etcd.url], clock: systemClock });
});

afterEach(async () => {
  client.close();
  await storage.close();
  await etcd.stop();
});

const path = { namespace: 'upkeep', name: 'a' };

describe('compaction', () => {
  it('keeps a period of history, and only one of several servers does it', async () => {
    const start: CompactionState = { modRevision: 0, revision: 0 };
    let one = await compactOnce(client, systemClock, start);
    let other = await compactOnce(client, systemClock, start);
    expect(other.modRevision).toBe(one.modRevision);
    const first = await putConfigMap(storage, path);
    const second = await putConfigMap(storage, path, { before: first });
    one = await compactOnce(client, systemClock, one);
    other = await compactOnce(client, systemClock, other);
    expect(await eventsAfter(storage, first.version, 1)).toHaveLength(1);
    const periodStart = await storage.currentVersion();
    await putConfigMap(storage, path, { before: second });
    other = await compactOnce(client, systemClock, other);
    expect(other.modRevision).toBeGreaterThan(one.modRevision);
    await expect(eventsAfter(storage, first.version, 1)).rejects.toMatchObject({ code: 'STORAGE_COMPACTED' });
    expect(await eventsAfter(storage, periodStart, 1)).toHaveLength(1);
  });
});

describe('a full etcd', () => {
  it('is named as the reason, and takes writes again after its repair', async () => {
    const data = { filler: 'x'.repeat(500_000) };
    let last: StoredObject | undefined;
    const fill = async (): Promise<void> => {
      for (let index = 0; index < 100; index += 1)
        last = await putConfigMap(storage, path, { before: last, data });
    };
    await expect(fill()).rejects.toMatchObject({ code: 'STORAGE_NO_SPACE' });
    const administration = new EtcdAdministration({ endpoints: [etcd.url] });
    expect(await administration.alarms()).toContain('NOSPACE');
    // The last few versions alone are too much for this small quota, so the big object goes first.
    await storage.delete([{ key: last?.key ?? '', expected: last?.version ?? 0 }]);
    const { header } = await client.range({ key: '\0', countOnly: true });
    await client.compact(header.revision);
    const options = { client, administration, clock: systemClock, logger: silentLogger };
    expect(await checkSpace(options)).toBe(true);
    expect(await administration.alarms()).toEqual([]);
    const stored = await putConfigMap(storage, { ...path, name: 'b' });
    expect(await storage.get(stored.key)).toEqual(stored);
    expect(await checkSpace(options)).toBe(false);
  });
});
