/** Backlogs in the shape of scheduler_perf's workloads at 5,000 nodes. */
import type { PodDraft } from '../../support/scheduling-objects.ts';
import { type Backlog, large, type SchedulingBench } from './scheduling-api.ts';
import { namespaces, perfPod, workloadNamed } from './scheduling-workloads.ts';

const pods = 10_000;
/** scheduler_perf's for what it creates beside; nodes that come and go it lets come every second. */
const besidePeriodMs = 200;

interface Before {
  readonly prefix: string;
  readonly count: number;
  readonly draft: () => PodDraft;
}

export interface BacklogCase {
  readonly name: string;
  readonly count: number;
  readonly draft: (i: number) => PodDraft;
  readonly zones: readonly string[];
  /** What has its nodes before. */
  readonly before: readonly Before[];
  readonly meanwhile?: (bench: SchedulingBench) => (until: AbortSignal) => Promise<void>;
  readonly goal?: number;
  /** kube-scheduler's published floor on bigger machines, pods/s. */
  readonly ci?: number;
  readonly shape: string;
}

const plain = (): PodDraft => perfPod();
/** Three of them and what is free make room for a preemptor of 3 CPU. */
const low = (): PodDraft => perfPod({ cpu: '900m', spec: { terminationGracePeriodSeconds: 0 } });
const high: PodDraft = perfPod({ cpu: '3', spec: { priorityClassName: 'high' } });
const fullOfLow: readonly Before[] = [{ prefix: 'low', count: 20_000, draft: low }];
const tolerant = { goal: 1_500, count: pods };

/** A workload of the core with pods of its own kind there before, in another namespace. */
function alike(name: string, count: number): Pick<BacklogCase, 'name' | 'draft' | 'zones' | 'before'> {
  const { draft, zones } = workloadNamed(name);
  const before = [{ prefix: `before-${name.toLowerCase()}`, count, draft: () => draft(0) }];
  return { name, draft, zones, before };
}

function amongPlain(name: string): Pick<BacklogCase, 'name' | 'draft' | 'zones' | 'before'> {
  return { ...alike(name, 0), before: [{ prefix: 'plain', count: 5_000, draft: plain }] };
}

const mixed = [
  'SchedulingBasic',
  'SchedulingPodAffinity',
  'SchedulingPodAntiAffinity',
  'PreferredPodAffinity',
  'PreferredPodAntiAffinity',
].flatMap((name) => alike(name, 2_000).before);

/** Neighbours have the same zones, and may have the same pods before. */
export const backlogCases: readonly BacklogCase[] = [
  {
    ...alike('SchedulingBasic', 1_000),
    ...{ count: pods, goal: 2_500, ci: 680, shape: '1,000 of them before' },
  },
  {
    ...{ name: 'MixedChurn', draft: plain, zones: [], before: [], count: pods, goal: 2_500, ci: 710 },
    meanwhile: (bench) => (until) => bench.churn(besidePeriodMs, until),
    shape: 'a node, a service and a pod of 9 CPU come and go every 200 ms (there: every second)',
  },
  {
    ...{ name: 'Unschedulable', draft: plain, zones: [], count: pods, goal: 2_500, ci: 590 },
    before: alike('SchedulingBasic', 100).before,
    meanwhile: (bench) => (until) => bench.keepCreating(large, besidePeriodMs, until),
    shape: '100 before; every 200 ms comes a pod of 9 CPU and high priority that fits nowhere',
  },
  {
    ...alike('SchedulingPodAntiAffinity', 1_000),
    ...{
      goal: 1_500,
      count: 4_000,
      ci: 60,
      shape: 'one a node; 1,000 before, so all nodes are full (there: 3/5)',
    },
  },
  { ...alike('PreferredPodAffinity', 5_000), ...tolerant, ci: 90, shape: '5,000 of them before' },
  { ...alike('PreferredPodAntiAffinity', 5_000), ...tolerant, ci: 90, shape: '5,000 of them before' },
  {
    ...{ name: 'PreemptionAsync', draft: plain, zones: [], before: fullOfLow, count: pods, ci: 570 },
    meanwhile: (bench) => (until) => bench.keepCreating(high, besidePeriodMs, until),
    shape: 'every node has four pods of 0.9 CPU; every 200 ms comes one of 3 CPU that preempts three',
  },
  {
    ...{ name: 'PreemptionBasic', draft: () => high, zones: [], before: fullOfLow, count: 1_000 },
    shape: 'the same nodes; 1,000 pods that preempt three each',
  },
  {
    ...alike('SchedulingPodAffinity', 5_000),
    ...{ ...tolerant, ci: 35, shape: 'all nodes in one zone; 5,000 of them before' },
  },
  {
    ...alike('SchedulingNodeAffinity', 5_000),
    ...{ ...tolerant, ci: 220, shape: 'all nodes in one of the two zones asked for; 5,000 before' },
  },
  {
    ...{ name: 'MixedSchedulingBasePod', draft: plain, zones: ['zone1'], before: mixed, count: pods },
    ...{ goal: 2_500, ci: 140, shape: '2,000 of each of five kinds before' },
  },
  {
    ...amongPlain('TopologySpreading'),
    ...{ ...tolerant, ci: 460, shape: 'three zones, maxSkew 5; 5,000 plain pods before' },
  },
  {
    ...amongPlain('PreferredTopologySpreading'),
    ...{ ...tolerant, ci: 340, shape: 'three zones, maxSkew 5; 5,000 plain pods before' },
  },
];

/** Takes away afterwards what was measured, and what the next case does not need. */
export async function measureBacklog(
  bench: SchedulingBench,
  each: BacklogCase,
  next: BacklogCase | undefined,
): Promise<Backlog> {
  await bench.arrange(each.zones);
  for (const { prefix, count, draft } of each.before) await bench.ensureBound(prefix, count, draft());
  const { count, draft } = each;
  const meanwhile = each.meanwhile?.(bench);
  const backlog = await bench.backlog({ prefix: each.name.toLowerCase(), count, draft, meanwhile });
  await bench.removePods(namespaces.measured);
  const keeps = next !== undefined && isSame(each.before, next.before);
  if (!keeps) await bench.removePods(namespaces.before);
  return backlog;
}

const isSame = (left: readonly Before[], right: readonly Before[]): boolean =>
  left.map(({ prefix }) => prefix).join() === right.map(({ prefix }) => prefix).join();
