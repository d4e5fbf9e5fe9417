import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { podgroups, pods } from '../../api/generated/resources.ts';
import { revisionOf } from '../../apiserver/storage/version.ts';
import type { ApiClient } from '../../client/client.ts';
import { TransportError } from '../../client/transport-error.ts';
import { eventually } from '../support/eventually.ts';
import { runKubectlLite } from '../support/kubectl-lite.ts';
import { SchedulerCluster } from '../support/scheduler-cluster.ts';

let cluster: SchedulerCluster;
let dying: DyingClient | undefined;

beforeEach(async () => {
  cluster = await SchedulerCluster.withoutScheduler();
});
afterEach(async () => {
  dying?.end();
  await cluster?.stop();
});

async function addGroup(name: string, minMember: number): Promise<void> {
  const metadata = { name, namespace: 'default' };
  await cluster.client.create(podgroups, {
    ...{ apiVersion: 'scheduling.x-k8s.io/v1alpha1', kind: 'PodGroup' },
    ...{ metadata, spec: { minMember } },
  });
}

const membersOf = (group: string) => ({ 'scheduling.x-k8s.io/pod-group': group });

async function addMembers(group: string, count: number, cpu = '1'): Promise<string[]> {
  const names = Array.from({ length: count }, (_, i) => `${group}-${i}`);
  const labels = membersOf(group);
  await Promise.all(names.map((name) => cluster.addPod({ name, cpu, labels })));
  return names;
}

async function boundOf(group: string): Promise<number> {
  const { items } = await cluster.client.list(pods, { namespace: 'default' });
  return items.filter(
    ({ metadata, spec }) => metadata.name.startsWith(`${group}-`) && spec.nodeName !== undefined,
  ).length;
}

/** How many members the first transaction has bound that bound one. */
async function firstWith(group: string): Promise<number> {
  const { items } = await cluster.client.list(pods, { namespace: 'default' });
  const counts = new Map<number, number>();
  for (const { metadata, spec } of items) {
    if (!metadata.name.startsWith(`${group}-`) || spec.nodeName === undefined) continue;
    const revision = revisionOf(Number(metadata.resourceVersion));
    counts.set(revision, (counts.get(revision) ?? 0) + 1);
  }
  return counts.get(Math.min(...counts.keys())) ?? 0;
}

const kubectlLite = async (...args: string[]): Promise<string> =>
  (await runKubectlLite(cluster.server.kubeconfig('admin'), args)).out;

describe('a group of pods', () => {
  it('is bound whole when it fits, and says until then how many of it do: in the condition, the event and why', async () => {
    await cluster.addScheduler({ identity: 'one', placement: cluster.placement });
    await cluster.addNode({ name: 'a', cpu: '3' });
    await cluster.addNode({ name: 'b', cpu: '2' });
    await addGroup('g', 8);
    await addMembers('g', 8);
    const expected = /^0\/2 nodes are available: 2 Insufficient cpu\..* pod group "g": 5 of 8 fit\.$/;
    await eventually(() => expect(cluster.condition('g-0', 'PodScheduled')?.message).toMatch(expected));
    expect(cluster.condition('g-7', 'PodScheduled')).toMatchObject({
      status: 'False',
      reason: 'Unschedulable',
    });
    expect(await boundOf('g')).toBe(0);
    const message = cluster.condition('g-0', 'PodScheduled')?.message ?? '';
    expect(await kubectlLite('why', 'g-0')).toContain(`pod default/g-0 is pending: ${message}`);
    const { body } = await cluster.client.request({
      ...{ method: 'GET', path: '/api/v1/namespaces/default/pods/g-0/placement' },
    });
    expect(JSON.parse(body.toString())).toMatchObject({ state: 'Unschedulable', message });
    await eventually(async () => expect(await kubectlLite('describe', 'pod', 'g-0')).toContain(message));
    await cluster.addNode({ name: 'c', cpu: '3' });
    await eventually(async () => expect(await boundOf('g')).toBe(8));
  });

  it('is bound whole by one request, and stays so when its scheduler dies before the answer comes', async () => {
    for (const name of ['a', 'b']) await cluster.addNode({ name, cpu: '100' });
    const size = 100;
    dying = new DyingClient(await cluster.server.client('scheduler'));
    await cluster.addScheduler({ client: dying });
    await addGroup('g', size);
    await addMembers('g', size, '1');
    await eventually(async () => expect(await boundOf('g')).toBe(size));
    await cluster.addScheduler();
    await cluster.addPod({ name: 'later-0', cpu: '1' });
    await eventually(() => expect(cluster.nodeOf('later-0')).toBeDefined());
    expect(await firstWith('g')).toBe(size);
  });

  it('is bound by one transaction whatever becomes of its members meanwhile, with two schedulers at it', async () => {
    for (const name of ['a', 'b', 'c']) await cluster.addNode({ name, cpu: '100' });
    for (let i = 0; i < 2; i += 1) await cluster.addScheduler();
    const size = 12;
    const groups = Array.from({ length: 8 }, (_, i) => `g${i}x`);
    const disturb = async (group: string, i: number): Promise<void> => {
      await addGroup(group, size);
      const names = await addMembers(group, size, '500m');
      const name = names[(5 * i) % size] ?? '';
      await cluster.removeEnded(name);
      await cluster.addPod({ name: `${name}-again`, cpu: '500m', labels: membersOf(group) });
    };
    await Promise.all(groups.map(disturb));
    for (const group of groups) await eventually(async () => expect(await boundOf(group)).toBe(size));
    // Of those that are gone by now one may have been among the first.
    for (const group of groups) expect(await firstWith(group)).toBeGreaterThanOrEqual(size - 1);
  });
});

describe('bindings that stand or fall together', () => {
  const bind = async (names: readonly string[], more: object = {}): Promise<number[]> => {
    const items = names.map((name) => ({
      ...{ namespace: 'default', name, node: 'a' },
      uid: cluster.pod(name)?.metadata.uid ?? 'gone',
    }));
    const { body } = await cluster.client.request({
      ...{ method: 'POST', path: '/apis/coracle.dev/v1/bulkbindings' },
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ together: true, items, ...more }),
    });
    const { results = [], code } = JSON.parse(body.toString());
    return code === undefined ? results.map((each: { readonly code: number }) => each.code) : [code];
  };
  const addSeen = async (group: string, count: number): Promise<string[]> => {
    const names = await addMembers(group, count);
    await eventually(() => expect(names.every((name) => cluster.pod(name) !== undefined)).toBe(true));
    return names;
  };

  it('are all refused when one is, and else made by one transaction as long as it has room', async () => {
    await cluster.addNode({ name: 'a', cpu: '1' });
    const few = await addSeen('few', 3);
    expect(await bind([...few, 'missing'])).toEqual([409, 409, 409, 404]);
    expect(await boundOf('few')).toBe(0);
    expect(await bind([...few, 'few-0'])).toEqual([400]);
    expect(await bind(few, { together: 'yes' })).toEqual([400]);
    expect(await bind(few)).toEqual([201, 201, 201]);
    expect(await bind(few)).toEqual([409, 409, 409]);
    const many = await addSeen('many', 127);
    expect(new Set(await bind(many))).toEqual(new Set([201]));
    expect(await firstWith('many')).toBe(127);
    // More are judged together, but written in parts.
    const more = await addSeen('more', 130);
    expect(new Set(await bind([...more, 'missing']))).toEqual(new Set([409, 404]));
    expect(await boundOf('more')).toBe(0);
    expect(new Set(await bind(more))).toEqual(new Set([201]));
    expect(await boundOf('more')).toBe(130);
  });
});

/** The first bulk binding goes out, and no answer ever comes, as when the process is killed. */
class DyingClient implements ApiClient {
  bulkRequests = 0;
  readonly #end = new AbortController();
  readonly #client: ApiClient;
  readonly get: ApiClient['get'];
  readonly list: ApiClient['list'];
  readonly watch: ApiClient['watch'];
  readonly create: ApiClient['create'];
  readonly update: ApiClient['update'];
  readonly patch: ApiClient['patch'];
  readonly delete: ApiClient['delete'];
  readonly deleteCollection: ApiClient['deleteCollection'];
  readonly createSubresource: ApiClient['createSubresource'];
  readonly isConnected: ApiClient['isConnected'];

  constructor(client: ApiClient) {
    this.#client = client;
    this.get = (...args) => client.get(...args);
    this.list = (...args) => client.list(...args);
    this.watch = (...args) => client.watch(...args);
    this.create = (...args) => client.create(...args);
    this.update = (...args) => client.update(...args);
    this.patch = (...args) => client.patch(...args);
    this.delete = (...args) => client.delete(...args);
    this.deleteCollection = (...args) => client.deleteCollection(...args);
    this.createSubresource = (...args) => client.createSubresource(...args);
    this.isConnected = () => client.isConnected();
  }

  request(request: Parameters<ApiClient['request']>[0]): ReturnType<ApiClient['request']> {
    if (!request.path.endsWith('/bulkbindings')) return this.#client.request(request);
    this.bulkRequests += 1;
    if (this.bulkRequests === 1) void this.#client.request(request);
    return new Promise((_, reject) => {
      this.#end.signal.addEventListener('abort', () => reject(new TransportError('the process is gone')));
    });
  }

  end(): void {
    this.#end.abort();
  }
}
