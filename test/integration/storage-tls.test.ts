import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EtcdAdministration } from '../../apiserver/storage/etcd/administration.ts';
import { EtcdConnection } from '../../apiserver/storage/etcd/connection.ts';
import { EtcdStorage } from '../../apiserver/storage/etcd/etcd-storage.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { EtcdProcess } from '../support/etcd-process.ts';
import { eventsAfter, putConfigMap } from '../support/storage-contract.ts';

let etcd: EtcdProcess;
let tls: { readonly ca: Buffer };

beforeAll(async () => {
  etcd = await EtcdProcess.start({ tls: true });
  tls = { ca: readFileSync(etcd.certificateFile) };
});

afterAll(() => etcd.stop());

describe('etcd storage over TLS', () => {
  it('writes, reads and watches', async () => {
    const storage = new EtcdStorage({ endpoints: [etcd.url], tls, logger: silentLogger });
    const start = await storage.currentVersion();
    const stored = await putConfigMap(storage, { namespace: 'tls', name: 'a' });
    expect(await storage.get(stored.key)).toEqual(stored);
    expect(await eventsAfter(storage, start, 1)).toHaveLength(1);
    await storage.close();
  });

  it('administers etcd', async () => {
    const administration = new EtcdAdministration({ endpoints: [etcd.url], tls });
    expect(await administration.alarms()).toEqual([]);
    await administration.defragment();
  });

  it('does not trust another authority', async () => {
    const [ca = ''] = rootCertificates;
    const opening = EtcdConnection.open(etcd.url, { clock: systemClock, tls: { ca } });
    await expect(opening).rejects.toMatchObject({ code: 'ETCD_CALL', sent: false });
  });
});
