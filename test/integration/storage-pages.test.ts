import { afterAll, beforeAll, expect, it } from 'vitest';
import { EtcdStorage } from '../../apiserver/storage/etcd/etcd-storage.ts';
import { silentLogger } from '../../base/logger.ts';
import { EtcdProcess } from '../support/etcd-process.ts';
import { configMapKey, putConfigMap } from '../support/storage-contract.ts';

let etcd: EtcdProcess;
let storage: EtcdStorage;

beforeAll(async () => {
  etcd = await EtcdProcess.start();
  storage = new EtcdStorage({ endpoints: [etcd.url], logger: silentLogger });
});
afterAll(async () => {
  await storage.close();
  await etcd.stop();
});

it('reads objects of a megabyte that come after many small ones: the page is asked again, smaller', async () => {
  const filler = 'x'.repeat(1_000_000);
  const names = Array.from({ length: 200 }, (_, i) => `map-${1_000 + i}`);
  for (const [i, name] of names.entries())
    await putConfigMap(storage, { namespace: 'n', name }, { data: { filler: i < 60 ? '' : filler } });
  const seen: string[] = [];
  for await (const page of storage.scan(configMapKey('n', ''))) {
    expect(page.total).toBe(names.length);
    seen.push(...page.objects.map(({ key }) => key));
  }
  expect(seen).toEqual(names.map((name) => configMapKey('n', name)));
});
