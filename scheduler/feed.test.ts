import { describe, expect, it } from 'vitest';
import type { Pod } from '../api/generated/core-v1.ts';
import { seededRandom } from '../base/random.ts';
import { ManualClock } from '../test/support/manual-clock.ts';
import { aNode, aPod } from '../test/support/scheduling-objects.ts';
import { Cluster } from './cache/cluster.ts';
import { PlacementIndex } from './cache/placement-index.ts';
import { NodeFeed, PodFeed } from './feed.ts';
import { noVolumeNeeds } from './framework/volume-needs.ts';
import { PodGroups } from './groups/pod-groups.ts';
import { defaultPlugins } from './plugin-registry.ts';
import { SchedulingQueue } from './queue/scheduling-queue.ts';
import { Waker } from './waker.ts';

function feeds() {
  const cluster = new Cluster();
  const clock = new ManualClock();
  const queue = new SchedulingQueue(clock, seededRandom(1));
  const context = { cluster, plugins: defaultPlugins, index: new PlacementIndex(cluster, defaultPlugins) };
  const waker = new Waker({ cluster, queue, clock, contextOf: () => context });
  const unreadable: string[] = [];
  const options = {
    ...{ cluster, queue, waker, groups: new PodGroups(cluster) },
    volumeNeeds: () => noVolumeNeeds,
    volumeLimits: () => undefined,
    isOurs: (name: string) => name === 'default-scheduler',
    onGated: () => undefined,
    onLeft: () => undefined,
    onUnreadable: ({ metadata }: { metadata: { name: string } }) => void unreadable.push(metadata.name),
  };
  return { cluster, queue, clock, unreadable, pods: new PodFeed(options), nodes: new NodeFeed(options) };
}

const on = (pod: Pod, nodeName: string): Pod => ({ ...pod, spec: { ...pod.spec, nodeName } });

/** Takes a pod and finds no node for it. */
function reject(queue: SchedulingQueue): void {
  const taken = queue.pop();
  if (taken !== undefined) queue.parkUnschedulable(taken.uid);
}

describe('feed', () => {
  it('queues what waits for us and counts what has a node', () => {
    const { cluster, queue, pods, nodes } = feeds();
    nodes.replace([aNode({ name: 'host-1' })]);
    pods.replace([
      aPod({ name: 'waiting' }),
      aPod({ name: 'foreign', spec: { schedulerName: 'other' } }),
      on(aPod({ name: 'placed', cpu: '1' }), 'host-1'),
    ]);
    expect(queue.counts.active).toBe(1);
    expect(cluster.node('host-1')?.requested.cpuMillis).toBe(1_000);
  });

  it('takes a binding for done that is answered before it is seen, and no other', () => {
    const { cluster, queue, pods, nodes } = feeds();
    nodes.replace([aNode({ name: 'host-1' })]);
    const pod = aPod({ name: 'web', cpu: '1' });
    const { uid } = pod.metadata;
    pods.replace([pod]);
    expect(pods.confirm({ uid, nodeName: 'host-1' })).toBe(false);
    const podClass = queue.pop()?.podClass ?? pods.classOf(pod);
    const assumed = { uid, name: 'default/web', podClass, isLive: true, isAssumed: true };
    cluster.setPod({ ...assumed, nodeName: 'host-1' });
    expect(pods.confirm({ uid, nodeName: 'host-2' })).toBe(false);
    expect(pods.confirm({ uid, nodeName: 'host-1' })).toBe(true);
    expect(cluster.pod(uid)?.isAssumed).toBe(false);
    expect(queue.get(uid)).toBeUndefined();
    expect(pods.confirm({ uid, nodeName: 'host-1' })).toBe(false);
    expect(cluster.node('host-1')?.requested.cpuMillis).toBe(1_000);
    pods.remove(pod);
    expect(cluster.node('host-1')?.requested.cpuMillis).toBe(0);
  });

  it('gives back the room of a pod that ended, was deleted, or vanished during a relist', () => {
    const { cluster, pods, nodes } = feeds();
    nodes.replace([aNode({ name: 'host-1' })]);
    const all = ['a', 'b', 'c'].map((name) => on(aPod({ name, cpu: '1' }), 'host-1'));
    pods.replace(all);
    const [ended, deleted] = all;
    if (ended !== undefined) pods.upsert({ ...ended, status: { phase: 'Succeeded' } });
    expect(cluster.node('host-1')?.requested.cpuMillis).toBe(2_000);
    if (deleted !== undefined) pods.remove(deleted);
    expect(cluster.node('host-1')?.requested.cpuMillis).toBe(1_000);
    pods.replace([]);
    expect(cluster.node('host-1')?.requested.cpuMillis).toBe(0);
  });

  it('counts pods on a node that it does not know yet', () => {
    const { cluster, pods, nodes } = feeds();
    pods.replace([on(aPod({ cpu: '3' }), 'late')]);
    expect(cluster.node('late')).toBeUndefined();
    nodes.upsert(aNode({ name: 'late' }));
    expect(cluster.node('late')?.requested.cpuMillis).toBe(3_000);
  });

  it('wakes a pod for the change that helps it, and for no other', async () => {
    const { queue, clock, pods, nodes } = feeds();
    const blocker = on(aPod({ name: 'blocker', cpu: '4' }), 'host-1');
    nodes.replace([aNode({ name: 'host-1' }), aNode({ name: 'host-2', cpu: '1' })]);
    const small = on(aPod({ name: 'small', cpu: '500m' }), 'host-2');
    pods.replace([blocker, small, aPod({ name: 'waiting', cpu: '2' })]);
    reject(queue);
    pods.remove(small);
    nodes.upsert(aNode({ name: 'host-2', cpu: '1500m' }));
    await clock.advance(1);
    expect(queue.counts.unschedulable).toBe(1);
    pods.remove(blocker);
    await clock.advance(1);
    expect(queue.counts.active).toBe(1);
  });

  it('leaves out an object that makes no sense, and goes on', () => {
    const { queue, unreadable, pods, nodes } = feeds();
    nodes.replace([aNode({ name: 'bad', cpu: 'many' }), aNode({ name: 'host-1' })]);
    pods.replace([aPod({ name: 'odd', cpu: 'some' }), aPod({ name: 'fine' })]);
    expect(unreadable).toEqual(['bad', 'odd']);
    expect(queue.counts.active).toBe(1);
  });
});
