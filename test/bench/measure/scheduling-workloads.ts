/**
 * Workloads in the shape of kube-scheduler's scheduler_perf, so that figures compare like for like: its pods (0.1 CPU and
 * 500Mi requested and limited), its nodes (4 CPU, 32Gi, 110 pods), its zones, namespaces and pods that are there before.
 */
import type { Affinity, Pod, PodSpec, TopologySpreadConstraint } from '../../../api/generated/core-v1.ts';
import { aPod, type PodDraft } from '../../support/scheduling-objects.ts';

export const zoneKey = 'topology.kubernetes.io/zone';
const host = 'kubernetes.io/hostname';
/** Where pods are that are there before, and where those that are measured. */
export const namespaces = { before: 'sched-0', measured: 'sched-1' } as const;

export interface SchedulingWorkload {
  readonly name: string;
  readonly draft: (i: number) => PodDraft;
  /** Values of the nodes' zone label, in turn; none: nodes without it. */
  readonly zones: readonly string[];
  /** At most one pod a node. */
  readonly onePerNode?: boolean;
  /** Placements per second of the pure core at 5,000 nodes. */
  readonly goal: number;
}

interface Shape {
  readonly cpu?: string;
  readonly color?: string;
  readonly owner?: string;
  readonly spec?: Partial<PodSpec>;
}

/** scheduler_perf's pod. */
export function perfPod({ cpu = '100m', color, owner, spec }: Shape = {}): PodDraft {
  const amounts = { cpu, memory: '500Mi' };
  const resources = { limits: amounts, requests: amounts };
  const image = 'registry.k8s.io/pause:3.10.1';
  return {
    ...{ namespace: namespaces.measured, owner, labels: color === undefined ? undefined : { color } },
    spec: { containers: [{ name: 'pause', image, ports: [{ containerPort: 80 }], resources }], ...spec },
  };
}

const alike = (color: string, topologyKey: string) => ({
  ...{ topologyKey, labelSelector: { matchLabels: { color } } },
  namespaces: [namespaces.measured, namespaces.before],
});
const required = (color: string, topologyKey: string) => ({
  requiredDuringSchedulingIgnoredDuringExecution: [alike(color, topologyKey)],
});
const preferred = (color: string, topologyKey: string) => ({
  preferredDuringSchedulingIgnoredDuringExecution: [
    { weight: 1, podAffinityTerm: alike(color, topologyKey) },
  ],
});
const attracted = (color: string, affinity: Affinity) => (): PodDraft =>
  perfPod({ color, spec: { affinity } });
const spread = (whenUnsatisfiable: TopologySpreadConstraint['whenUnsatisfiable']) => (): PodDraft =>
  perfPod({
    color: 'blue',
    spec: {
      topologySpreadConstraints: [
        {
          ...{ maxSkew: 5, topologyKey: zoneKey, whenUnsatisfiable },
          labelSelector: { matchLabels: { color: 'blue' } },
        },
      ],
    },
  });
const inZones = { key: zoneKey, operator: 'In' as const, values: ['zone1', 'zone2'] };
const nodeAffinity = {
  requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [inZones] }] },
};
const moons = ['moon-1', 'moon-2', 'moon-3'];
const owned = (owners: number) => (i: number) => perfPod({ owner: `owner-${i % owners}` });

export const schedulingWorkloads: readonly SchedulingWorkload[] = [
  { name: 'SchedulingBasic', draft: () => perfPod(), zones: [], goal: 100_000 },
  { name: 'Basic, 35 owners in turn', draft: owned(35), zones: [], goal: 100_000 },
  { name: 'Basic, 1,000 owners in turn', draft: owned(1_000), zones: [], goal: 100_000 },
  { name: 'TopologySpreading', draft: spread('DoNotSchedule'), zones: moons, goal: 20_000 },
  { name: 'PreferredTopologySpreading', draft: spread('ScheduleAnyway'), zones: moons, goal: 20_000 },
  {
    name: 'SchedulingNodeAffinity',
    draft: () => perfPod({ spec: { affinity: { nodeAffinity } } }),
    ...{ zones: ['zone1'], goal: 100_000 },
  },
  {
    name: 'SchedulingPodAntiAffinity',
    draft: attracted('green', { podAntiAffinity: required('green', host) }),
    ...{ zones: [], onePerNode: true, goal: 10_000 },
  },
  {
    name: 'SchedulingPodAffinity',
    draft: attracted('blue', { podAffinity: required('blue', zoneKey) }),
    ...{ zones: ['zone1'], goal: 10_000 },
  },
  {
    name: 'PreferredPodAffinity',
    draft: attracted('red', { podAffinity: preferred('red', host) }),
    ...{ zones: [], goal: 10_000 },
  },
  {
    name: 'PreferredPodAntiAffinity',
    draft: attracted('yellow', { podAntiAffinity: preferred('yellow', host) }),
    ...{ zones: [], goal: 10_000 },
  },
];

/** @throws RangeError for a name that is not there */
export function workloadNamed(name: string): SchedulingWorkload {
  const found = schedulingWorkloads.find((each) => each.name === name);
  if (found === undefined) throw new RangeError(`no workload is called ${name}`);
  return found;
}

export const podsOf = ({ draft }: SchedulingWorkload, count: number): Pod[] =>
  Array.from({ length: count }, (_, i) => aPod(draft(i)));
