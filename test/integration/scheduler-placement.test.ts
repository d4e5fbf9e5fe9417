import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import { events, nodes, pods } from '../../api/generated/resources.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { systemRandom } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import { Informer } from '../../client/informer.ts';
import { runScheduler } from '../../scheduler/scheduler.ts';
import { ApiServerProcess } from '../support/api-server-process.ts';
import { EtcdProcess } from '../support/etcd-process.ts';
import { eventually } from '../support/eventually.ts';
import { aNode, aPod, type NodeDraft, type PodDraft } from '../support/scheduling-objects.ts';
import { ensureServiceAccount } from '../support/service-account.ts';

let etcd: EtcdProcess;
let server: ApiServerProcess;
let client: ApiClient;
let followed: Informer<Pod>;
const abort = { followers: new AbortController(), scheduler: new AbortController() };
let running: Promise<void>[] = [];
let scheduling: Promise<void> = Promise.resolve();

beforeEach(async () => {
  etcd = await EtcdProcess.start();
  server = await ApiServerProcess.start({ etcdServers: etcd.url });
  client = await server.client();
  await ensureServiceAccount(client);
  abort.followers = new AbortController();
  const options = { client, clock: systemClock, random: systemRandom, logger: silentLogger };
  followed = new Informer({ ...options, type: pods, selection: { namespace: 'default' } });
  running = [followed.run(abort.followers.signal)];
  await startScheduler();
});
afterEach(async () => {
  server.signal('SIGCONT');
  await stopScheduler();
  abort.followers.abort();
  await Promise.all(running);
  await server.stop();
  await etcd.stop();
});

async function startScheduler(identity = 'one'): Promise<void> {
  abort.scheduler = new AbortController();
  const options = { clock: systemClock, random: systemRandom, logger: silentLogger };
  const own = await server.client('scheduler');
  const { signal } = abort.scheduler;
  scheduling = runScheduler({ ...options, client: own, strategy: 'least-loaded', identity }, signal);
}

async function stopScheduler(): Promise<void> {
  abort.scheduler.abort();
  await scheduling;
}

const withoutIdentity = <T extends { metadata: { uid?: string; resourceVersion?: string } }>(
  object: T,
): T => ({
  ...object,
  metadata: { ...object.metadata, uid: undefined, resourceVersion: undefined, creationTimestamp: undefined },
});

async function addNodes(...drafts: NodeDraft[]): Promise<void> {
  for (const draft of drafts) {
    const node = aNode(draft);
    const created = await client.create(nodes, withoutIdentity(node));
    // A new node is tainted until the node lifecycle controller sees it ready; here there is none.
    const untainted = await client.update(nodes, { ...created, spec: node.spec });
    await client.update(nodes, { ...untainted, status: node.status }, { subresource: 'status' });
  }
}

const addPod = (draft: PodDraft): Promise<Pod> => client.create(pods, withoutIdentity(aPod(draft)));
const nodeOf = (name: string): string | undefined => followed.lister.get('default', name)?.spec.nodeName;
const threeHosts: NodeDraft[] = [{ name: 'host-1' }, { name: 'host-2' }, { name: 'host-3' }];

async function placed(...names: string[]): Promise<(string | undefined)[]> {
  return eventually(() => {
    const found = names.map(nodeOf);
    expect(found).not.toContain(undefined);
    return found;
  });
}

const podScheduled = (name: string) =>
  followed.lister.get('default', name)?.status?.conditions?.find(({ type }) => type === 'PodScheduled');

describe('scheduler', () => {
  it('puts three replicas on three hosts and says so', async () => {
    await addNodes(...threeHosts);
    for (const name of ['a', 'b', 'c']) await addPod({ name, owner: 'nginx' });
    const found = await placed('a', 'b', 'c');
    expect(new Set(found).size).toBe(3);
    await eventually(async () => {
      const { items } = await client.list(events, { namespace: 'default' });
      const messages = items.filter(({ reason }) => reason === 'Scheduled').map(({ message }) => message);
      expect(messages).toContain(`Successfully assigned default/a to ${found[0]}`);
    });
    expect(podScheduled('a')?.status).toBe('True');
  });

  it('names what is missing where, and places the pod at once when a node fits', async () => {
    await addNodes({ name: 'small', cpu: '1' }, { name: 'cordoned', unschedulable: true });
    await addPod({ name: 'big', cpu: '3' });
    const expected = '0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.';
    await eventually(() => {
      expect(podScheduled('big')).toMatchObject({ status: 'False', reason: 'Unschedulable' });
      expect(podScheduled('big')?.message).toContain(expected);
    });
    await eventually(async () => {
      const { items } = await client.list(events, { namespace: 'default' });
      expect(items.find(({ reason }) => reason === 'FailedScheduling')?.message).toContain(expected);
    });
    await addNodes({ name: 'large', cpu: '8' });
    const startMs = performance.now();
    expect(await placed('big')).toEqual(['large']);
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });

  it('keeps apart only the pods that have the same value of a label of matchLabelKeys', async () => {
    await addNodes({ name: 'host-1' }, { name: 'host-2' });
    const term = {
      topologyKey: 'kubernetes.io/hostname',
      labelSelector: { matchLabels: { app: 'x' } },
      matchLabelKeys: ['version'],
    };
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
    const draft = (name: string, version: string): PodDraft => ({
      ...{ name, labels: { app: 'x', version }, spec: { affinity } },
    });
    for (const version of ['1', '2'])
      for (const at of ['a', 'b']) await addPod(draft(`${at}-${version}`, version));
    expect(new Set(await placed('a-1', 'b-1'))).toEqual(new Set(['host-1', 'host-2']));
    expect(new Set(await placed('a-2', 'b-2'))).toEqual(new Set(['host-1', 'host-2']));
    const stored = await client.get(pods, { namespace: 'default', name: 'a-2' });
    const [own] = stored.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    expect(own?.labelSelector?.matchExpressions).toEqual([{ key: 'version', operator: 'In', values: ['2'] }]);
  });

  it('never gives a node more than it has, in a burst of pods that do not all fit', async () => {
    await addNodes({ name: 'host-1', cpu: '2' }, { name: 'host-2', cpu: '3' });
    const names = Array.from({ length: 80 }, (_, i) => `burst-${i}`);
    await Promise.all(names.map((name) => addPod({ name, cpu: '100m', owner: 'burst' })));
    await eventually(() => expect(names.filter((name) => nodeOf(name) !== undefined)).toHaveLength(50));
    const on = (node: string): number => names.filter((name) => nodeOf(name) === node).length;
    expect([on('host-1'), on('host-2')]).toEqual([20, 30]);
    // What is freed is used at once.
    const [first = ''] = names.filter((name) => nodeOf(name) === 'host-1');
    await client.delete(pods, { namespace: 'default', name: first }, { gracePeriodSeconds: 0 });
    await eventually(() =>
      expect(names.filter((name) => nodeOf(name) === 'host-1' && name !== first)).toHaveLength(20),
    );
  });

  it('leaves a gated pod alone until its gates are gone', async () => {
    await addNodes({ name: 'host-1' });
    await addPod({ name: 'gated', spec: { schedulingGates: [{ name: 'example.com/wait' }] } });
    await eventually(() => expect(podScheduled('gated')?.reason).toBe('SchedulingGated'));
    const body = { spec: { schedulingGates: null } };
    await client.patch(pods, { namespace: 'default', name: 'gated' }, { type: 'merge', body });
    expect(await placed('gated')).toEqual(['host-1']);
  });

  it('loses no pod when it is replaced in the middle of a burst', async () => {
    await addNodes(...threeHosts);
    const names = Array.from({ length: 150 }, (_, i) => `burst-${i}`);
    const created = Promise.all(names.map((name) => addPod({ name, owner: 'burst' })));
    await eventually(() => expect(names.some((name) => nodeOf(name) !== undefined)).toBe(true));
    await stopScheduler();
    await startScheduler('two');
    await created;
    const found = await placed(...names);
    for (const { name } of threeHosts) expect(found.filter((node) => node === name)).toHaveLength(50);
  });

  it('loses no pod when the API server is killed in the middle of a burst', async () => {
    await addNodes(...threeHosts);
    const names = Array.from({ length: 150 }, (_, i) => `burst-${i}`);
    const created = Promise.allSettled(names.map((name) => addPod({ name, owner: 'burst' })));
    await eventually(() => expect(names.some((name) => nodeOf(name) !== undefined)).toBe(true));
    await server.kill();
    await server.launch();
    await created;
    await eventually(async () => {
      const { items } = await client.list(pods, { namespace: 'default' });
      expect(items.length).toBeGreaterThan(0);
      expect(items.filter(({ spec }) => spec.nodeName === undefined)).toEqual([]);
    });
  });
});
