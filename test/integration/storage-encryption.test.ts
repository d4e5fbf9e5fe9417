import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Secret } from '../../api/generated/core-v1.ts';
import { secrets } from '../../api/generated/resources.ts';
import { parseEncryptionConfiguration } from '../../apiserver/storage/encryption/configuration.ts';
import { KeyRing } from '../../apiserver/storage/encryption/key-ring.ts';
import { EtcdClient } from '../../apiserver/storage/etcd/etcd-client.ts';
import { EtcdStorage } from '../../apiserver/storage/etcd/etcd-storage.ts';
import { keyOf } from '../../apiserver/storage/keys.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import type { ClosableApiClient } from '../../client/http-client.ts';
import { ApiServerProcess } from '../support/api-server-process.ts';
import { EtcdProcess } from '../support/etcd-process.ts';
import { storageContract } from '../support/storage-contract.ts';

/** An EncryptionConfiguration that writes with the first of `keys` and reads with all. */
function configurationOf(resource: string, ...keys: readonly string[]): string {
  const named = keys.map((name) => ({ name, secret: Buffer.alloc(32, name).toString('base64') }));
  return JSON.stringify({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    resources: [{ resources: [resource], providers: [{ aesgcm: { keys: named } }, { identity: {} }] }],
  });
}

let etcd: EtcdProcess;
beforeAll(async () => {
  etcd = await EtcdProcess.start();
});
afterAll(() => etcd.stop());

describe('etcd storage that encrypts everything', () => {
  let storage: EtcdStorage;
  beforeAll(() => {
    const cipher = new KeyRing(parseEncryptionConfiguration(configurationOf('*.*', 'one')));
    storage = new EtcdStorage({ endpoints: [etcd.url], logger: silentLogger, cipher });
  });
  afterAll(() => storage.close());

  storageContract(() => storage);
});

describe('an apiserver with an encryption configuration', () => {
  const directory = mkdtempSync(join(tmpdir(), 'coracle-keys-'));
  const file = join(directory, 'encryption.json');
  const key = keyOf('/secrets', 'default', 'guarded');
  let raw: EtcdClient;

  beforeAll(() => {
    raw = new EtcdClient({ endpoints: [etcd.url], tls: undefined, clock: systemClock });
  });
  afterAll(() => {
    raw.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const storedBytes = async (): Promise<string> => {
    const [kv] = (await raw.range({ key })).kvs;
    return kv?.value.toString('latin1') ?? '';
  };
  const withServer = async (run: (admin: ClosableApiClient) => Promise<void>): Promise<void> => {
    const server = await ApiServerProcess.start({
      etcdServers: etcd.url,
      flags: [`--encryption-provider-config=${file}`],
    });
    try {
      await run(await server.client('admin'));
      await server.quit();
    } finally {
      await server.stop();
    }
  };
  const passwordOf = (secret: Secret): string => Buffer.from(secret.data?.['p'] ?? '', 'base64').toString();

  test('stores no secret in the clear, and gives it back', async () => {
    writeFileSync(file, configurationOf('secrets', 'one'));
    await withServer(async (admin) => {
      await admin.create(secrets, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'guarded', namespace: 'default' },
        stringData: { p: 'hunter2' },
      });
      expect(passwordOf(await admin.get(secrets, { namespace: 'default', name: 'guarded' }))).toBe('hunter2');
    });
    expect(await storedBytes()).toContain('one');
    expect(await storedBytes()).not.toContain('aHVudGVyMg');
    expect(await storedBytes()).not.toContain('guarded');
  });

  test('brings a secret under the new first key by a write that changes nothing', async () => {
    writeFileSync(file, configurationOf('secrets', 'two', 'one'));
    await withServer(async (admin) => {
      const before = await admin.get(secrets, { namespace: 'default', name: 'guarded' });
      expect(passwordOf(before)).toBe('hunter2');
      const after = await admin.update(secrets, before);
      expect(after.metadata.resourceVersion).not.toBe(before.metadata.resourceVersion);
      expect(await storedBytes()).toContain('two');
      const again = await admin.update(secrets, after);
      expect(again.metadata.resourceVersion).toBe(after.metadata.resourceVersion);
    });
  });

  test('does not show, and does not lose, a secret whose key is gone', async () => {
    writeFileSync(file, configurationOf('secrets', 'one'));
    await withServer(async (admin) => {
      const { items } = await admin.list(secrets, { namespace: 'default' });
      expect(items.map(({ metadata }) => metadata.name)).not.toContain('guarded');
    });
    expect(await storedBytes()).toContain('two');
  });

  test('refuses a configuration that it cannot use, in one line', async () => {
    writeFileSync(file, '{}');
    await expect(withServer(async () => undefined)).rejects.toThrow(
      /exit code 2: apiserver: --encryption-provider-config .*must be an EncryptionConfiguration/,
    );
  });
});
