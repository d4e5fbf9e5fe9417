import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { podgroups, pods } from '../../api/generated/resources.ts';
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

async function addMembers(group: string, count: number, cpu = '1'): Promise<string[]> {
  const names = Array.from({ length: count }, (_, i) => `${group}-${i}`);
  const labels = { 'scheduling.x-k8s.io/pod-group': group };
  await Promise.all(names.map((name) => cluster.addPod({ name, cpu, labels })));
  return names;
}

async function boundOf(group: string): Promise<number> {
  const { items } = await cluster.client.list(pods, { namespace: 'default' });
  return items.filter(
    ({ metadata, spec }) => metadata.name.startsWith(`${group}-`) && spec.nodeName !== undefined,
  ).length;
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

  it('is finished by the next scheduler when its own dies in the middle of binding it', async () => {
    for (const name of ['a', 'b']) await cluster.addNode({ name, cpu: '100' });
    const size = 150;
    await addGroup('g', size);
    await addMembers('g', size, '1');
    const own = await cluster.server.client('scheduler');
    // Its second request never goes out: what is bound is the first hundred.
    dying = new DyingClient(own);
    await cluster.addScheduler({ client: dying });
    await eventually(async () =>
      expect([(dying?.bulkRequests ?? 0) >= 2, await boundOf('g')]).toEqual([true, 100]),
    );
    await cluster.addScheduler();
    await eventually(async () => expect(await boundOf('g')).toBe(size));
  });
});

/** Sends the first bulk binding; of the others no answer ever comes, as when the process is killed. */
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
    if (this.bulkRequests === 1) return this.#client.request(request);
    return new Promise((_, reject) => {
      this.#end.signal.addEventListener('abort', () => reject(new TransportError('the process is gone')));
    });
  }

  end(): void {
    this.#end.abort();
  }
}
