/** What may make a rejected pod fit, plugin by plugin: each such event wakes it, in the turn in which it comes. */
import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '../api/generated/core-v1.ts';
import { GroupWorld } from '../test/support/group-world.ts';
import { aNode, aPod, type PodDraft } from '../test/support/scheduling-objects.ts';

const hostname = 'kubernetes.io/hostname';
const near = (app: string, extra: object = {}): NonNullable<Pod['spec']['affinity']> => ({
  podAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [
      { topologyKey: hostname, labelSelector: { matchLabels: { app } }, ...extra },
    ],
  },
});
const apart = (app: string): NonNullable<Pod['spec']['affinity']> => ({
  podAntiAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [
      { topologyKey: hostname, labelSelector: { matchLabels: { app } } },
    ],
  },
});
const spreadBy = (topologyKey: string, extra: object = {}): PodDraft => ({
  labels: { app: 'x' },
  spec: {
    topologySpreadConstraints: [
      {
        ...{ maxSkew: 1, topologyKey, whenUnsatisfiable: 'DoNotSchedule' },
        labelSelector: { matchLabels: { app: 'x' } },
        ...extra,
      },
    ],
  },
});

interface Hint {
  readonly event: string;
  readonly plugin: string;
  /** The pod that waits. */
  readonly pod: PodDraft;
  readonly before?: (world: GroupWorld) => void;
  readonly happens: (world: GroupWorld) => void;
  /** Without the node `n0`, which takes four pods of one CPU. */
  readonly noNode?: boolean;
}

const node = (draft: Parameters<typeof aNode>[0] = {}, change: Partial<Node['spec']> = {}): Node => {
  const made = aNode({ name: 'n0', cpu: '4', ...draft });
  return { ...made, spec: { ...made.spec, ...change } };
};
const set = (world: GroupWorld, made: Node): void => world.nodes.upsert(made);
const noSchedule = [{ key: 'dedicated', effect: 'NoSchedule' }];

/** As its owner, or an agent, changes a pod that is on a node. */
function change(world: GroupWorld, name: string, by: (pod: Pod) => Pod): void {
  const pod = world.pods.get(name);
  if (pod !== undefined) world.feed.upsert(by(pod));
}

const hints: readonly Hint[] = [
  {
    ...{ event: 'a node is added', plugin: 'NodeResourcesFit', pod: { cpu: '1' }, noNode: true },
    happens: (world) => set(world, node()),
  },
  {
    ...{ event: 'a node has more to give', plugin: 'NodeResourcesFit', pod: { cpu: '6' } },
    happens: (world) => set(world, node({ cpu: '8' })),
  },
  {
    ...{ event: 'a pod is deleted', plugin: 'NodeResourcesFit', pod: { cpu: '4' } },
    before: (world) => world.addPod({ name: 'other', cpu: '1', on: 'n0' }),
    happens: (world) => world.removePod('other'),
  },
  {
    ...{ event: 'a pod comes to its end', plugin: 'NodeResourcesFit', pod: { cpu: '4' } },
    before: (world) => world.addPod({ name: 'other', cpu: '1', on: 'n0' }),
    happens: (world) => change(world, 'other', (pod) => ({ ...pod, status: { phase: 'Succeeded' } })),
  },
  {
    ...{ event: 'a pod is made smaller in its place', plugin: 'NodeResourcesFit', pod: { cpu: '3' } },
    before: (world) => world.addPod({ name: 'other', cpu: '2', on: 'n0' }),
    happens: (world) =>
      change(world, 'other', (pod) => ({
        ...pod,
        spec: { ...pod.spec, containers: aPod({ cpu: '1' }).spec.containers },
      })),
  },
  {
    ...{ event: 'a host port becomes free', plugin: 'NodePorts', pod: { hostPorts: [80] } },
    before: (world) => world.addPod({ name: 'other', hostPorts: [80], on: 'n0' }),
    happens: (world) => world.removePod('other'),
  },
  {
    ...{
      event: 'a label is added to a node',
      plugin: 'NodeAffinity',
      pod: { spec: { nodeSelector: { disk: 'ssd' } } },
    },
    happens: (world) => set(world, node({ labels: { disk: 'ssd' } })),
  },
  {
    ...{ event: 'a taint is taken off', plugin: 'TaintToleration', pod: {} },
    before: (world) => set(world, node({ taints: noSchedule })),
    happens: (world) => set(world, node()),
  },
  {
    ...{ event: 'a pod is given a toleration', plugin: 'TaintToleration', pod: {} },
    before: (world) => set(world, node({ taints: noSchedule })),
    happens: (world) =>
      change(world, 'waiting', (pod) => ({
        ...pod,
        spec: { ...pod.spec, tolerations: [{ operator: 'Exists' }] },
      })),
  },
  {
    ...{ event: 'a node is uncordoned', plugin: 'NodeUnschedulable', pod: {} },
    before: (world) => set(world, node({}, { unschedulable: true })),
    happens: (world) => set(world, node()),
  },
  {
    ...{
      event: 'the pod to be near appears',
      plugin: 'InterPodAffinity',
      pod: { spec: { affinity: near('db') } },
    },
    happens: (world) => world.addPod({ name: 'db', labels: { app: 'db' }, on: 'n0' }),
  },
  {
    ...{
      event: 'a pod gets the labels to be near',
      plugin: 'InterPodAffinity',
      pod: { spec: { affinity: near('db') } },
    },
    before: (world) => world.addPod({ name: 'db', on: 'n0' }),
    happens: (world) =>
      change(world, 'db', (pod) => ({ ...pod, metadata: { ...pod.metadata, labels: { app: 'db' } } })),
  },
  {
    ...{
      event: 'the pod to be far from leaves',
      plugin: 'InterPodAffinity',
      pod: { spec: { affinity: apart('db') } },
    },
    before: (world) => world.addPod({ name: 'db', labels: { app: 'db' }, on: 'n0' }),
    happens: (world) => world.removePod('db'),
  },
  {
    ...{
      event: 'a pod loses the labels to be far from',
      plugin: 'InterPodAffinity',
      pod: { spec: { affinity: apart('db') } },
    },
    before: (world) => world.addPod({ name: 'db', labels: { app: 'db' }, on: 'n0' }),
    happens: (world) => change(world, 'db', (pod) => ({ ...pod, metadata: { ...pod.metadata, labels: {} } })),
  },
  {
    ...{
      event: 'the pod that keeps others away leaves',
      plugin: 'InterPodAffinity',
      pod: { labels: { app: 'x' } },
    },
    before: (world) => world.addPod({ name: 'hermit', spec: { affinity: apart('x') }, on: 'n0' }),
    happens: (world) => world.removePod('hermit'),
  },
  {
    ...{ event: 'the label of a topology is added', plugin: 'InterPodAffinity' },
    pod: { spec: { affinity: near('db', { topologyKey: 'zone' }) } },
    before: (world) => world.addPod({ name: 'db', labels: { app: 'db' }, on: 'n0' }),
    happens: (world) => set(world, node({ labels: { zone: 'a' } })),
  },
  {
    ...{ event: 'the other domain fills up', plugin: 'PodTopologySpread', pod: spreadBy(hostname) },
    before: (world) => {
      set(world, aNode({ name: 'n1', unschedulable: true }));
      world.addPod({ name: 'x-1', labels: { app: 'x' }, on: 'n0' });
    },
    happens: (world) => world.addPod({ name: 'x-2', labels: { app: 'x' }, on: 'n1' }),
  },
  {
    ...{ event: 'the emptiest domain goes away', plugin: 'PodTopologySpread', pod: spreadBy(hostname) },
    before: (world) => {
      set(world, aNode({ name: 'n1', unschedulable: true }));
      world.addPod({ name: 'x-1', labels: { app: 'x' }, on: 'n0' });
    },
    happens: (world) => world.nodes.remove(aNode({ name: 'n1' })),
  },
  {
    ...{
      event: 'one more domain appears',
      plugin: 'PodTopologySpread',
      pod: spreadBy(hostname, { minDomains: 2 }),
    },
    before: (world) => world.addPod({ name: 'x-1', labels: { app: 'x' }, on: 'n0' }),
    happens: (world) => set(world, aNode({ name: 'n1' })),
  },
  {
    ...{ event: 'the emptiest domain is tainted', plugin: 'PodTopologySpread' },
    pod: spreadBy(hostname, { nodeTaintsPolicy: 'Honor' }),
    before: (world) => {
      set(world, aNode({ name: 'n1', unschedulable: true }));
      world.addPod({ name: 'x-1', labels: { app: 'x' }, on: 'n0' });
    },
    happens: (world) => set(world, aNode({ name: 'n1', unschedulable: true, taints: noSchedule })),
  },
  {
    ...{ event: 'the emptiest domain loses a label of its selector', plugin: 'PodTopologySpread' },
    pod: {
      ...spreadBy(hostname),
      spec: { ...spreadBy(hostname).spec, nodeSelector: { disk: 'ssd' } },
    },
    before: (world) => {
      set(world, node({ labels: { disk: 'ssd' } }));
      set(world, aNode({ name: 'n1', unschedulable: true, labels: { disk: 'ssd' } }));
      world.addPod({ name: 'x-1', labels: { app: 'x' }, on: 'n0' });
    },
    happens: (world) => set(world, aNode({ name: 'n1', unschedulable: true })),
  },
  {
    ...{
      event: 'a pod gets the labels that are spread',
      plugin: 'PodTopologySpread',
      pod: spreadBy(hostname),
    },
    before: (world) => {
      set(world, aNode({ name: 'n1', unschedulable: true }));
      world.addPod({ name: 'x-1', labels: { app: 'x' }, on: 'n0' });
      world.addPod({ name: 'y-1', labels: { app: 'y' }, on: 'n1' });
    },
    happens: (world) =>
      change(world, 'y-1', (pod) => ({ ...pod, metadata: { ...pod.metadata, labels: { app: 'x' } } })),
  },
  {
    ...{ event: 'a pod that is spread begins to end', plugin: 'PodTopologySpread', pod: spreadBy(hostname) },
    before: (world) => {
      set(world, aNode({ name: 'n1', unschedulable: true }));
      world.addPod({ name: 'x-1', labels: { app: 'x' }, on: 'n0' });
    },
    happens: (world) =>
      change(world, 'x-1', (pod) => ({
        ...pod,
        metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
      })),
  },
  {
    ...{ event: 'more pods may be on a node', plugin: 'NodeResourcesFit', pod: {} },
    before: (world) => {
      set(world, node({ pods: 1 }));
      world.addPod({ name: 'other', on: 'n0' });
    },
    happens: (world) => set(world, node({ pods: 2 })),
  },
  {
    ...{ event: 'a node gets an extended resource', plugin: 'NodeResourcesFit' },
    pod: { extra: { 'example.com/gpu': '1' } },
    happens: (world) => set(world, node({ extra: { 'example.com/gpu': '2' } })),
  },
  {
    ...{ event: 'its scheduling gates are removed', plugin: 'SchedulingGates' },
    pod: { spec: { schedulingGates: [{ name: 'example.com/wait' }] } },
    happens: (world) =>
      change(world, 'waiting', (pod) => ({ ...pod, spec: { ...pod.spec, schedulingGates: [] } })),
  },
];

describe('a pod that no node fits', () => {
  it.each(hints)('is woken when $event ($plugin)', async ({ pod, before, happens, noNode = false }) => {
    const world = new GroupWorld();
    if (!noNode) set(world, node());
    before?.(world);
    world.addPod({ name: 'waiting', ...pod });
    await world.settle();
    expect(world.nodeOf('waiting')).toBeUndefined();
    const startMs = world.clock.monotonicMs();
    happens(world);
    await world.settle();
    expect(world.nodeOf('waiting')).toBeDefined();
    // A few turns of the event loop: no back-off, no timer.
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(10);
  });
});
