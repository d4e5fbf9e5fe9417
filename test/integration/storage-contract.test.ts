import { afterAll, beforeAll, describe } from 'vitest';
import { EtcdStorage } from '../../apiserver/storage/etcd/etcd-storage.ts';
import { MemoryStorage } from '../../apiserver/storage/memory-storage.ts';
import { silentLogger } from '../../base/logger.ts';
import { EtcdProcess } from '../support/etcd-process.ts';
import { storageContract } from '../support/storage-contract.ts';

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
    await storage.close();
    await etcd.stop();
  });

  storageContract(() => storage);
});
