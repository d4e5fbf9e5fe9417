import { describe, expect, it } from 'vitest';
import { GroupWorld, type MemberDraft } from '../../test/support/group-world.ts';
import { SchedulerWorld } from '../../test/support/scheduler-world.ts';
import { aNode, aPod } from '../../test/support/scheduling-objects.ts';
import { foresee } from '../explanation/explain-pod.ts';

function worldOf(...cpus: string[]): GroupWorld {
  const world = new GroupWorld();
  for (const [i, cpu] of cpus.entries()) world.addNode({ name: `n${i}`, cpu });
  return world;
}

function addMembers(
  world: GroupWorld,
  group: string,
  count: number,
  draft: MemberDraft = { cpu: '1' },
): void {
  const first = [...world.pods.keys()].filter((name) => name.startsWith(`${group}-`)).length;
  for (let i = first; i < first + count; i += 1) world.addPod({ ...draft, name: `${group}-${i}`, group });
}

const messageOf = (world: GroupWorld, pod: string): string | undefined => world.reports.get(pod)?.message;

describe('a group', () => {
  it('waits for its PodGroup, then for its members, then for room, and says which', async () => {
    const world = worldOf('2', '2');
    addMembers(world, 'g', 3);
    await world.settle();
    expect(messageOf(world, 'g-0')).toBe('waiting for pod group "g" to appear');
    world.setMinCount('g', 5);
    await world.settle();
    const waits = 'waiting for minCount (5) pods of pod group "g" to appear';
    expect(messageOf(world, 'g-0')).toBe(waits);
    addMembers(world, 'g', 2);
    await world.settle();
    expect(messageOf(world, 'g-4')).toBe(
      '0/2 nodes are available: 2 Insufficient cpu. no new claims to deallocate, preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod. pod group "g": 4 of 5 fit.',
    );
    expect(world.bound('g-')).toEqual([]);
    // Nothing is held meanwhile: others take the room.
    expect(world.cluster.podCount).toBe(0);
    world.addNode({ name: 'n2', cpu: '1' });
    await world.settle();
    expect(world.bound('g-')).toHaveLength(5);
  });

  it('is known by spec.schedulingGroup as well, and by the older labels, which say the least number themselves', async () => {
    const world = worldOf('8');
    world.setMinCount('g', 2);
    const spec = { schedulingGroup: { podGroupName: 'g' } };
    world.addPod({ name: 'a', spec });
    const labels = {
      'pod-group.scheduling.sigs.k8s.io/name': 'old',
      'pod-group.scheduling.sigs.k8s.io/min-available': '2',
    };
    world.addPod({ name: 'x', labels });
    await world.settle();
    expect([world.nodeOf('a'), world.nodeOf('x')]).toEqual([undefined, undefined]);
    world.addPod({ name: 'b', spec });
    world.addPod({ name: 'y', labels });
    await world.settle();
    expect(['a', 'b', 'x', 'y'].map((name) => world.nodeOf(name))).toEqual(['n0', 'n0', 'n0', 'n0']);
  });

  it('takes more members than it needs when they fit; those that do not wait alone, and later ones go alone', async () => {
    const world = worldOf('3');
    world.setMinCount('g', 2);
    addMembers(world, 'g', 4);
    await world.settle();
    expect(world.bound('g-')).toHaveLength(3);
    world.addNode({ name: 'n1', cpu: '2' });
    await world.settle();
    expect(world.bound('g-')).toHaveLength(4);
    addMembers(world, 'g', 1);
    await world.settle();
    expect(world.bound('g-')).toHaveLength(5);
  });

  it('places the largest first when the order in which they came does not fit', async () => {
    const world = worldOf('2', '2');
    world.setMinCount('g', 3);
    world.addPod({ name: 'g-0', group: 'g', cpu: '1' });
    world.addPod({ name: 'g-1', group: 'g', cpu: '1' });
    world.addPod({ name: 'g-2', group: 'g', cpu: '2' });
    await world.settle();
    expect(world.bound('g-')).toHaveLength(3);
    expect(world.nodeOf('g-0')).toBe(world.nodeOf('g-1'));
  });

  it('does not deadlock with another one: the first to fit as a whole goes', async () => {
    const world = worldOf('4');
    for (const group of ['g', 'h']) world.setMinCount(group, 4);
    // As they come when two controllers make them at the same time.
    for (let i = 0; i < 4; i += 1) for (const group of ['g', 'h']) addMembers(world, group, 1);
    await world.settle();
    expect([world.bound('g-').length, world.bound('h-').length].sort()).toEqual([0, 4]);
    for (const name of [...world.bound('g-'), ...world.bound('h-')]) world.removePod(name);
    await world.settle();
    expect([world.bound('g-').length, world.bound('h-').length].sort()).toEqual([0, 4]);
  });

  it('goes on where a scheduler before ended: bound members count, the rest need room only for themselves', async () => {
    const world = worldOf('4');
    world.setMinCount('g', 4);
    addMembers(world, 'g', 3, { cpu: '1', on: 'n0' });
    world.addPod({ name: 'other', cpu: '1', on: 'n0' });
    addMembers(world, 'g', 1);
    await world.settle();
    expect(messageOf(world, 'g-3')).toContain('pod group "g": 3 of 4 fit.');
    world.removePod('other');
    await world.settle();
    expect(world.bound('g-')).toHaveLength(4);
  });

  it('is bound whole or not at all: when one binding is refused it is decided anew, after the back-off of that one', async () => {
    const world = worldOf('4');
    world.setMinCount('g', 3);
    world.refused.add('g-1');
    addMembers(world, 'g', 3);
    await world.settle();
    expect(world.bound('g-')).toEqual([]);
    expect(messageOf(world, 'g-0')).toBe('waiting for members of pod group "g" whose binding was refused');
    // Nothing is held meanwhile.
    expect(world.cluster.podCount).toBe(0);
    await world.clock.advance(2_000);
    await world.settle();
    expect(world.bound('g-')).toHaveLength(3);
  });

  it('lets no later member count on those whose binding is under way', async () => {
    const world = new SchedulerWorld();
    world.nodes.upsert(aNode({ name: 'n0', cpu: '9' }));
    world.setMinCount('g', 3);
    const add = (name: string): void =>
      world.setPod(aPod({ name, cpu: '1', labels: { 'scheduling.x-k8s.io/pod-group': 'g' } }));
    for (const name of ['a', 'b', 'c']) add(name);
    await world.clock.advance(10);
    world.removePod('a');
    for (const name of ['d', 'e']) add(name);
    await world.clock.advance(10);
    const sent = (): string[] =>
      world.bindings.map((together) => together.map(({ pod }) => pod.metadata.name).join());
    expect(sent()).toEqual(['a,b,c']);
    world.endBinding('bound', '');
    await world.clock.advance(10);
    expect(sent()).toEqual(['b,c,d,e']);
    world.endBinding('bound', '');
    add('f');
    await world.clock.advance(10);
    expect(sent()).toEqual(['f']);
    await world.stop();
  });

  it('goes without a member whose binding is refused when there are enough others', async () => {
    const world = worldOf('4');
    world.setMinCount('g', 2);
    world.refused.add('g-1');
    addMembers(world, 'g', 3);
    await world.settle();
    expect(world.bound('g-')).toEqual(['g-0', 'g-2']);
    await world.clock.advance(2_000);
    await world.settle();
    expect(world.bound('g-')).toHaveLength(3);
  });

  it('sends no more members together than a transaction holds, unless it needs them', async () => {
    const sent = async (min: number): Promise<number[]> => {
      const world = worldOf('100', '100');
      world.setMinCount('g', min);
      const parts: number[] = [];
      world.onBinding = (count) => void parts.push(count);
      addMembers(world, 'g', 130, { cpu: '1' });
      await world.settle();
      return parts;
    };
    expect((await sent(3)).slice(0, 2)).toEqual([127, 1]);
    expect(await sent(130)).toEqual([130]);
  });

  it('leaves gated members out of the count until their gates are gone', async () => {
    const world = worldOf('4');
    world.setMinCount('g', 2);
    addMembers(world, 'g', 1);
    addMembers(world, 'g', 1, { spec: { schedulingGates: [{ name: 'example.com/wait' }] } });
    await world.settle();
    expect(world.bound('g-')).toEqual([]);
    const pod = world.pods.get('g-1');
    if (pod !== undefined) world.feed.upsert({ ...pod, spec: { ...pod.spec, schedulingGates: [] } });
    await world.settle();
    expect(world.bound('g-')).toHaveLength(2);
  });

  it('evicts for the whole of it, or not at all', async () => {
    const low = { cpu: '1', priority: 0 };
    const world = worldOf('2', '2');
    for (const [i, on] of ['n0', 'n0', 'n1'].entries()) world.addPod({ name: `low-${i}`, ...low, on });
    world.addPod({ name: 'high', cpu: '1', priority: 100, on: 'n1' });
    world.setMinCount('g', 4);
    addMembers(world, 'g', 4, { cpu: '1', priority: 10 });
    await world.settle();
    // Even with all lower ones gone there is room for three only.
    expect(world.evicted).toEqual([]);
    world.setMinCount('g', 3);
    await world.settle();
    expect(world.evicted.sort()).toEqual(['default/low-0', 'default/low-1', 'default/low-2']);
    expect(world.reports.get('g-0')?.nominatedNodeName).not.toBe('');
    // Victims that are still there: nobody else is evicted, and nobody is bound.
    world.removePod('low-0');
    await world.settle();
    expect([world.evicted.length, world.bound('g-').length]).toEqual([3, 0]);
    for (const name of ['low-1', 'low-2']) world.removePod(name);
    await world.settle();
    expect(world.bound('g-')).toHaveLength(3);
  });

  it('evicts elsewhere when the node on which its victims end falls ill', async () => {
    const world = worldOf('2', '2');
    world.addPod({ name: 'low-n0', cpu: '2', priority: 1, on: 'n0' });
    world.addPod({ name: 'low-n1', cpu: '2', priority: 2, on: 'n1' });
    world.setMinCount('g', 2);
    addMembers(world, 'g', 2, { cpu: '1', priority: 10 });
    await world.settle();
    expect(world.evicted).toEqual(['default/low-n0']);
    const taints = [{ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' }];
    world.nodes.upsert(aNode({ name: 'n0', cpu: '2', taints }));
    await world.settle();
    expect(world.evicted).toEqual(['default/low-n0', 'default/low-n1']);
  });

  it('is foreseen as it is decided, and asking changes nothing', async () => {
    const world = worldOf('2');
    world.setMinCount('g', 3);
    addMembers(world, 'g', 3);
    await world.settle();
    const queued = world.queue.get(world.pods.get('g-0')?.metadata.uid ?? '');
    if (queued === undefined) throw new Error('g-0 waits');
    const asked = { ...queued, namespace: 'default', name: 'g-0', nodeName: undefined, gates: [] };
    const outlook = foresee(world.judge, asked);
    expect(outlook).toEqual({ state: 'Unschedulable', message: messageOf(world, 'g-0') });
    expect(world.cluster.node('n0')?.requested.cpuMillis).toBe(0);
    world.cluster.setNode(aNode({ name: 'n9', cpu: '9' }));
    expect(foresee(world.judge, asked)).toMatchObject({ state: 'Schedulable' });
  });
});
