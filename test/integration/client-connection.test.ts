import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigMap } from '../../api/generated/core-v1.ts';
import { configmaps } from '../../api/generated/resources.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../api/status-error.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { systemRandom } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import { Informer } from '../../client/informer.ts';
import { isTransportError } from '../../client/transport-error.ts';
import { ApiServerProcess } from '../support/api-server-process.ts';
import { EtcdProcess } from '../support/etcd-process.ts';
import { eventually } from '../support/eventually.ts';

let etcd: EtcdProcess;
let server: ApiServerProcess;
let client: ApiClient;
let abort: AbortController;
const running: Promise<void>[] = [];

beforeEach(async () => {
  abort = new AbortController();
  etcd = await EtcdProcess.start();
  server = await ApiServerProcess.start({ etcdServers: etcd.url });
  client = await server.client();
});
afterEach(async () => {
  abort.abort();
  await server.stop();
  await etcd.stop();
  await Promise.all(running.splice(0));
});

const aMap = (name: string, value = '') => ({
  apiVersion: 'v1' as const,
  kind: 'ConfigMap' as const,
  metadata: { name, namespace: 'default' },
  data: { value },
});

async function follow(): Promise<Informer<ConfigMap>> {
  const options = { client, type: configmaps, selection: { namespace: 'default' } };
  const informer = new Informer({
    ...options,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  });
  running.push(informer.run(abort.signal));
  await informer.whenSynced(abort.signal);
  return informer;
}

const names = (informer: Informer<ConfigMap>): string[] =>
  informer.lister
    .list()
    .map(({ metadata }) => metadata.name)
    .filter((name) => name.startsWith('test-'))
    .sort();

describe('client', () => {
  it('creates, reads, changes, lists and deletes', async () => {
    const created = await client.create(configmaps, aMap('test-a', 'one'));
    expect(created.metadata.uid).not.toBe('');
    await expect(client.create(configmaps, aMap('test-a'))).rejects.toSatisfy(isAlreadyExists);
    const ref = { namespace: 'default', name: 'test-a' };
    const patched = await client.patch(configmaps, ref, { type: 'merge', body: { data: { value: 'two' } } });
    expect(patched.data).toEqual({ value: 'two' });
    await expect(client.update(configmaps, created)).rejects.toSatisfy(isConflict);
    const page = await client.list(configmaps, { namespace: 'default', limit: 1 });
    expect(page.items[0]?.kind).toBe('ConfigMap');
    await client.delete(configmaps, ref, { uid: created.metadata.uid });
    await expect(client.get(configmaps, ref)).rejects.toSatisfy(isNotFound);
  });

  it('waits through a server that stands still for 5 s, and breaks nothing', async () => {
    const informer = await follow();
    let deletes = 0;
    informer.addHandler({ onDelete: () => (deletes += 1) });
    server.signal('SIGSTOP');
    const writes = Promise.all(['test-a', 'test-b'].map((name) => client.create(configmaps, aMap(name))));
    const resume = systemClock.setTimer(5_000, () => server.signal('SIGCONT'));
    await writes;
    resume.cancel();
    await eventually(() => expect(names(informer)).toEqual(['test-a', 'test-b']));
    expect(deletes).toBe(0);
  });

  it('rejects a write that a dying server may have begun, and goes on with the next one', async () => {
    const informer = await follow();
    await client.create(configmaps, aMap('test-a'));
    server.signal('SIGSTOP');
    const write = client.create(configmaps, aMap('test-b'));
    const outcome = expect(write).rejects.toSatisfy(isTransportError);
    await server.kill();
    await outcome;
    const read = client.list(configmaps, { namespace: 'default' });
    await server.launch();
    await read;
    await client.create(configmaps, aMap('test-c'));
    await eventually(() => expect(names(informer)).toEqual(['test-a', 'test-c']));
  });

  it('moves on to another server of the address when its own is silent', async () => {
    const informer = await follow();
    await server.launch();
    server.signal('SIGSTOP', 0);
    const started = performance.now();
    await client.list(configmaps, { namespace: 'default' });
    await client.create(configmaps, aMap('test-a'));
    await eventually(() => expect(names(informer)).toEqual(['test-a']));
    expect(performance.now() - started).toBeLessThan(12_000);
  });

  it('follows thousands of changes without losing one', async () => {
    const informer = await follow();
    const count = 2_000;
    const all = Array.from({ length: count }, (_, i) => `test-${String(i).padStart(4, '0')}`);
    await Promise.all(all.map((name) => client.create(configmaps, aMap(name))));
    await eventually(() => expect(names(informer)).toEqual(all));
  });
});
