import type { Pod } from '../../../api/generated/core-v1.ts';
import { aPod, type PodDraft } from '../../support/scheduling-objects.ts';

/** Workloads in the shape of kube-scheduler's scheduler_perf, so that figures compare like for like. */
export interface SchedulingWorkload {
  readonly name: string;
  readonly draft: (i: number) => PodDraft;
  /** At most one pod a node. */
  readonly onePerNode?: boolean;
  /** Placements per second of the pure core at 5,000 nodes. */
  readonly goal: number;
  /** kube-scheduler 1.36: its published floor on bigger machines, pods/s. */
  readonly elsewhere: string;
}

const term = (topologyKey: string) => ({ topologyKey, labelSelector: { matchLabels: { app: 'x' } } });
const required = (topologyKey: string) => ({
  requiredDuringSchedulingIgnoredDuringExecution: [term(topologyKey)],
});
const preferred = (topologyKey: string) => ({
  preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term(topologyKey) }],
});
const spread = (whenUnsatisfiable: string) => ({
  topologySpreadConstraints: [{ ...term('zone'), maxSkew: 5, whenUnsatisfiable }],
});
const zones = { key: 'zone', operator: 'In', values: ['zone-0', 'zone-1'] };
const nodeAffinity = {
  requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [zones] }] },
};
const labelled = (spec: Partial<Pod['spec']>): PodDraft => ({ labels: { app: 'x' }, spec });
const host = 'kubernetes.io/hostname';

export const schedulingWorkloads: readonly SchedulingWorkload[] = [
  { name: 'SchedulingBasic', draft: () => ({}), goal: 100_000, elsewhere: '680 CI' },
  {
    name: 'Basic, 35 owners in turn',
    draft: (i) => ({ owner: `owner-${i % 35}` }),
    goal: 100_000,
    elsewhere: '680 CI',
  },
  {
    name: 'Basic, 1,000 owners in turn',
    draft: (i) => ({ owner: `owner-${i % 1_000}` }),
    goal: 100_000,
    elsewhere: '680 CI',
  },
  {
    name: 'TopologySpreading',
    draft: () => labelled(spread('DoNotSchedule')),
    goal: 20_000,
    elsewhere: '460 CI',
  },
  {
    name: 'PreferredTopologySpreading',
    draft: () => labelled(spread('ScheduleAnyway')),
    goal: 20_000,
    elsewhere: '',
  },
  {
    name: 'SchedulingNodeAffinity',
    draft: () => labelled({ affinity: { nodeAffinity } }),
    goal: 100_000,
    elsewhere: '220 CI',
  },
  {
    name: 'SchedulingPodAntiAffinity',
    draft: () => labelled({ affinity: { podAntiAffinity: required(host) } }),
    onePerNode: true,
    goal: 10_000,
    elsewhere: '60 CI',
  },
  {
    name: 'SchedulingPodAffinity',
    draft: () => labelled({ affinity: { podAffinity: required('zone') } }),
    goal: 10_000,
    elsewhere: '35 CI',
  },
  {
    name: 'PreferredPodAffinity',
    draft: () => labelled({ affinity: { podAffinity: preferred(host) } }),
    goal: 10_000,
    elsewhere: '',
  },
  {
    name: 'PreferredPodAntiAffinity',
    draft: () => labelled({ affinity: { podAntiAffinity: preferred(host) } }),
    goal: 10_000,
    elsewhere: '',
  },
];

export const podsOf = ({ draft }: SchedulingWorkload, count: number): Pod[] =>
  Array.from({ length: count }, (_, i) => aPod({ cpu: '1m', memory: '1Ki', ...draft(i) }));
