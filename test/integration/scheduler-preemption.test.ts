import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Lease } from '../../api/generated/coordination-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { events, leases, pods, priorityclasses } from '../../api/generated/resources.ts';
import { eventually } from '../support/eventually.ts';
import { SchedulerCluster } from '../support/scheduler-cluster.ts';

let cluster: SchedulerCluster;

beforeEach(async () => {
  cluster = await SchedulerCluster.start();
});
afterEach(async () => {
  await cluster?.stop();
});

const eventsFor = async (name: string, reason: string): Promise<string[]> => {
  const { items } = await cluster.client.list(events, { namespace: 'default' });
  return items
    .filter((event) => event.involvedObject.name === name && event.reason === reason)
    .map(({ message = '' }) => message);
};
const bound = (name: string): Promise<string> =>
  eventually(() => {
    const node = cluster.nodeOf(name);
    if (node === undefined) throw new Error(`${name} has no node`);
    return node;
  });

async function addPriorityClasses(): Promise<void> {
  for (const [name, value, preemptionPolicy] of [
    ['high', 1_000, undefined],
    ['polite', 1_000, 'Never'],
  ] as const)
    await cluster.client.create(priorityclasses, {
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name },
      value,
      preemptionPolicy,
    });
}

interface Result {
  readonly code: number;
  readonly message?: string;
}

async function endTogether(items: readonly object[]): Promise<readonly Result[]> {
  const { body, status } = await cluster.client.request({
    ...{ method: 'POST', path: '/apis/coracle.dev/v1/bulkpreemptions' },
    ...{ headers: { 'content-type': 'application/json' }, body: JSON.stringify({ items }) },
  });
  expect(status).toBe(200);
  return JSON.parse(body.toString()).results;
}

describe('preemption', () => {
  it('by many at a time marks and ends each pod in one write, and says what became of each', async () => {
    const { client } = cluster;
    await cluster.addNode({ name: 'host-1' });
    const spec = { nodeName: 'host-1' };
    const running = await cluster.addPod({ name: 'running', spec });
    const other = await cluster.addPod({ name: 'other', spec });
    const pending = await cluster.addPod({ name: 'pending', cpu: '100' });
    const itemOf = ({ metadata: { namespace, name, uid } }: Pod): object => ({
      ...{ namespace, name, uid, message: 'room is needed' },
    });
    const brief = await cluster.addPod({
      name: 'brief',
      spec: { ...spec, terminationGracePeriodSeconds: 0 },
    });
    let last: Pod | undefined;
    cluster.follow({ onUpdate: (_, pod) => (last = pod.metadata.name === 'brief' ? pod : last) });
    const results = await endTogether([
      itemOf(brief),
      itemOf(running),
      { ...itemOf(other), uid: running.metadata.uid },
      itemOf(pending),
      { ...itemOf(running), name: 'missing' },
    ]);
    expect(results.map(({ code }) => code)).toEqual([200, 200, 409, 200, 404]);
    const marked = await client.get(pods, running.metadata);
    expect(marked.metadata).toMatchObject({ deletionGracePeriodSeconds: 30 });
    expect(marked.metadata.generation).toBe((running.metadata.generation ?? 0) + 1);
    expect(marked.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'DisruptionTarget', message: 'room is needed' }),
    );
    expect((await client.get(pods, other.metadata)).metadata.deletionTimestamp).toBeUndefined();
    // Without a grace period it is seen ending, with its reason, before it is gone.
    await eventually(() =>
      expect(last?.status?.conditions?.map(({ type }) => type)).toContain('DisruptionTarget'),
    );
    expect(last?.metadata.deletionTimestamp).toBeDefined();
    await expect(client.get(pods, brief.metadata)).rejects.toMatchObject({ reason: 'NotFound' });
    await expect(client.get(pods, pending.metadata)).rejects.toMatchObject({ reason: 'NotFound' });
    // Who is asked to end again goes on ending.
    expect(await endTogether([itemOf(running)])).toEqual([{ code: 200 }]);
  });

  it('evicts the least important pod with notice, keeps its room, and takes it when it is gone', async () => {
    await addPriorityClasses();
    await cluster.addNode({ name: 'host-1', cpu: '2' });
    await cluster.addNode({ name: 'host-2', cpu: '2' });
    await cluster.addPod({ name: 'victim', cpu: '2' });
    await bound('victim');
    await cluster.addPod({ name: 'dear', cpu: '2', spec: { priorityClassName: 'high' } });
    await bound('dear');
    const polite = await cluster.addPod({ name: 'polite', cpu: '2', spec: { priorityClassName: 'polite' } });
    await eventually(() =>
      expect(cluster.condition('polite', 'PodScheduled')?.message).toBe(
        '0/2 nodes are available: 2 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.',
      ),
    );
    await cluster.removeEnded('polite');
    const important = await cluster.addPod({
      name: 'important',
      cpu: '2',
      spec: { priorityClassName: 'high' },
    });
    const victimNode = cluster.nodeOf('victim');
    await eventually(() => {
      expect(cluster.pod('important')?.status?.nominatedNodeName).toBe(victimNode);
      expect(cluster.pod('victim')?.metadata.deletionTimestamp).toBeDefined();
    });
    expect(cluster.condition('victim', 'DisruptionTarget')).toMatchObject({
      status: 'True',
      observedGeneration: 1,
      reason: 'PreemptionByScheduler',
      message: 'default-scheduler: preempting to accommodate a higher priority pod',
    });
    expect(cluster.condition('important', 'PodScheduled')).toMatchObject({
      message: '0/2 nodes are available: 2 Insufficient cpu.',
      observedGeneration: 1,
    });
    await eventually(async () =>
      expect(await eventsFor('victim', 'Preempted')).toEqual([
        `Preempted by pod ${important.metadata.uid} on node ${victimNode}`,
      ]),
    );
    // Its room is not given away, although it is free for a moment.
    await cluster.addPod({ name: 'small', cpu: '100m' });
    await cluster.removeEnded('victim');
    expect(await bound('important')).toBe(victimNode);
    await eventually(() => expect(cluster.condition('small', 'PodScheduled')?.status).toBe('False'));
    expect(cluster.nodeOf('dear')).toBeDefined();
    expect(polite.spec.preemptionPolicy).toBe('Never');
  });
});

describe('really used resources', () => {
  it('on the node lease decide where the next pods go', async () => {
    await cluster.addNode({ name: 'busy', cpu: '4' });
    await cluster.addNode({ name: 'idle', cpu: '4' });
    const report = (name: string, cpu: string): Promise<Lease> =>
      cluster.client.create(leases, {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: {
          name,
          namespace: 'kube-node-lease',
          annotations: { 'coracle.dev/load': JSON.stringify({ cpu, memory: '1' }) },
        },
        spec: { holderIdentity: name, leaseDurationSeconds: 40 },
      });
    await report('busy', '3900m');
    await report('idle', '1m');
    // The report travels on another watch than the pods, and without it they go where there are fewer.
    const probes = new Map([
      ['busy', 0],
      ['idle', 0],
    ]);
    const probesOn = (node: string): number => probes.get(node) ?? 0;
    await eventually(async () => {
      const isFuller = probesOn('idle') > probesOn('busy');
      const name = `probe-${probesOn('idle') + probesOn('busy')}`;
      await cluster.addPod({ name });
      const node = await bound(name);
      probes.set(node, probesOn(node) + 1);
      expect([node, isFuller]).toEqual(['idle', true]);
    });
    for (const name of ['a', 'b']) await cluster.addPod({ name });
    expect([await bound('a'), await bound('b')]).toEqual(['idle', 'idle']);
  });
});

describe('several schedulers without a leader', () => {
  it('bind every pod once', async () => {
    await cluster.addScheduler();
    await cluster.addNode({ name: 'host-1', cpu: '64' });
    await cluster.addNode({ name: 'host-2', cpu: '64' });
    const names = Array.from({ length: 120 }, (_, i) => `race-${i}`);
    await Promise.all(names.map((name) => cluster.addPod({ name, cpu: '10m' })));
    await Promise.all(names.map(bound));
    await eventually(async () => {
      const { items } = await cluster.client.list(events, { namespace: 'default' });
      const assigned = items.filter(({ reason }) => reason === 'Scheduled');
      const nodesOf = (name: string): Set<string> =>
        new Set(
          assigned.filter((event) => event.involvedObject.name === name).map(({ message = '' }) => message),
        );
      for (const name of names)
        expect([...nodesOf(name)]).toEqual([
          `Successfully assigned default/${name} to ${cluster.nodeOf(name)}`,
        ]);
    });
  });
});
