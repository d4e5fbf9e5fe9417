import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EtcdStorage } from '../../apiserver/storage/etcd/etcd-storage.ts';
import { MemoryStorage } from '../../apiserver/storage/memory-storage.ts';
import { silentLogger } from '../../base/logger.ts';
import { EtcdProcess } from '../support/etcd-process.ts';
import { configMapKey, putConfigMap, storageContract } from '../support/storage-contract.ts';

describe('memory storage', () => {
  const storage = new MemoryStorage();
  storageContract(() => storage);
});

describe('etcd storage', () => {
  let etcd: EtcdProcess;
  let storage: EtcdStorage;

  beforeAll(async () => {
    etcd = await EtcdProcess.start();
    storage = new EtcdStorage({ endpoints: [etcd.url], logger: silentLogger });
  });

  afterAll(async () => {
    await storage?.close();
    await etcd?.stop();
  });

  storageContract(() => storage);

  it('reads objects of a megabyte that come after many small ones: the page is asked again, smaller', async () => {
    // What follows the small ones is more than the largest answer that is taken, 128 MB.
    const filler = 'x'.repeat(1_400_000);
    const names = Array.from({ length: 160 }, (_, i) => `map-${1_000 + i}`);
    for (const [i, name] of names.entries())
      await putConfigMap(storage, { namespace: 'pages', name }, { data: { filler: i < 60 ? '' : filler } });
    const seen: string[] = [];
    for await (const page of storage.scan(configMapKey('pages', ''))) {
      expect(page.total).toBe(names.length);
      seen.push(...page.objects.map(({ key }) => key));
    }
    expect(seen).toEqual(names.map((name) => configMapKey('pages', name)));
  });
});
