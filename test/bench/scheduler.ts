/**
 * One table of the scheduler: placements of the pure core by CPU time, and bindings through the API server with TLS
 * and etcd by the clock. Nothing is judged. `node test/bench/scheduler.ts core memory single backlog creation` measures
 * the parts named, all by default; `core=Basic` and `backlog=Basic` the workloads whose names contain that.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { delay, systemClock } from '../../base/clock.ts';
import { nodeOptionsOf } from '../../deploy/node-options.ts';
import type { PodDraft } from '../support/scheduling-objects.ts';
import { type Figure, report } from './measure/figures.ts';
import { type Backlog, SchedulingBench } from './measure/scheduling-api.ts';
import { preemptionRate, rejectionRate } from './measure/scheduling-core.ts';
import { fewNodes, growthOf } from './measure/scheduling-growth.ts';
import { schedulingWorkloads } from './measure/scheduling-workloads.ts';

const nodeCount = 5_000;
const backlogPods = 10_000;
const warmUpPods = 100;
const singlePods = 500;
const restMs = 20;
const parts = ['core', 'memory', 'single', 'backlog', 'creation', 'restart'] as const;
type Part = (typeof parts)[number];
const figures: Figure[] = [];

const asked = process.argv.slice(2);
const isAsked = (part: Part): boolean =>
  asked.length === 0 || asked.some((each) => each === part || each.startsWith(`${part}=`));
/** Of a part that was asked for as `part=NAME`: whether it is about this one. */
function isChosen(part: Part, name: string): boolean {
  const [, names = ''] = asked.find((each) => each.startsWith(`${part}=`))?.split('=') ?? [];
  return name.includes(names);
}

function add(name: string, unit: Figure['unit'], value: number, more: Partial<Figure> = {}): void {
  figures.push({ name, unit, values: [value], ...more });
}

async function measureCore(): Promise<void> {
  for (const { name, goal, elsewhere } of schedulingWorkloads.filter((each) => isChosen('core', each.name))) {
    const { rates, percents } = await growthOf(name, nodeCount);
    figures.push({ name: `core: ${name}`, unit: '/s', values: rates, goal, elsewhere });
    figures.push({
      ...{ name: `core: ${name}, cost ${fewNodes} -> 5,000 nodes`, unit: '%', values: percents },
      goal: 33,
    });
  }
  if (!isChosen('core', '')) return;
  add('core: Preemption', '/s', preemptionRate(nodeCount), { goal: 2_000, elsewhere: '570 CI' });
  add('core: Unschedulable', '/s', rejectionRate(nodeCount));
}

function measureMemory(): void {
  const script = join(import.meta.dirname, 'measure/scheduling-memory.ts');
  for (const podCount of [10_000, 150_000]) {
    const output = execFileSync(process.execPath, [
      ...[...nodeOptionsOf('scheduler'), '--expose-gc'],
      ...[script, `${nodeCount}`, `${podCount}`],
    ]);
    const [megabytes, peak, seconds] = output.toString().split(' ').map(Number);
    const state = `5,000 nodes, ${podCount.toLocaleString('en')} pods`;
    add(`${state}: all read by a new scheduler`, 's', seconds ?? 0, { goal: 1 });
    add(`${state}: memory`, 'MB', megabytes ?? 0, { goal: 400 });
    add(`${state}: memory while it reads`, 'MB', peak ?? 0);
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** Of one pod at a time: before the next the cluster has come to rest, the event of the last one is written. */
async function measureSingle(bench: SchedulingBench): Promise<void> {
  const latencies: number[] = [];
  for (let i = 0; i < warmUpPods + singlePods; i += 1) {
    const bound = await bench.bind(`one-${i}`, 1, {});
    if (i >= warmUpPods) for (const [createdMs, boundMs] of bound) latencies.push(boundMs - createdMs);
    await delay(systemClock, restMs);
  }
  add('one pod, created -> bound, median', 'ms', percentile(latencies, 0.5), { elsewhere: '22' });
  add('one pod, created -> bound, p99', 'ms', percentile(latencies, 0.99), { goal: 15 });
}

interface BacklogCase {
  readonly name: string;
  readonly count: number;
  readonly goal: number;
  readonly elsewhere: string;
  readonly draft: (i: number) => PodDraft;
  readonly prepare?: (bench: SchedulingBench) => Promise<unknown>;
  readonly meanwhile?: (bench: SchedulingBench) => (until: AbortSignal) => Promise<void>;
}

const basic = (): PodDraft => ({});
/** Of scheduler_perf's mixed base: a fifth of the pods of each kind. */
const mixed = [
  'SchedulingBasic',
  'SchedulingPodAffinity',
  'SchedulingPodAntiAffinity',
  'PreferredPodAffinity',
  'PreferredPodAntiAffinity',
];
const inTwoZones = {
  affinity: { nodeAffinity: nodesIn(['zone-0', 'zone-1']) },
  terminationGracePeriodSeconds: 0,
};

function nodesIn(values: string[]) {
  const matchExpressions = [{ key: 'zone', operator: 'In', values }];
  return { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] } };
}

async function placeMixedBase(bench: SchedulingBench): Promise<void> {
  for (const { name, draft } of schedulingWorkloads.filter((each) => mixed.includes(each.name)))
    await bench.backlog(`base-${name.toLowerCase()}`, 1_000, draft);
}

const backlogCases: readonly BacklogCase[] = [
  ...schedulingWorkloads
    .filter(({ name }) => !name.startsWith('Basic'))
    .map(({ name, draft, onePerNode, elsewhere }) => ({
      ...{ name, draft },
      count: onePerNode === true ? nodeCount / 2 : backlogPods,
      goal: name === 'SchedulingBasic' ? 2_500 : 1_500,
      elsewhere: name === 'SchedulingBasic' ? '198 here, 680 CI' : elsewhere,
    })),
  {
    ...{ name: 'MixedSchedulingBasePod', count: backlogPods, goal: 2_500, elsewhere: '', draft: basic },
    prepare: placeMixedBase,
  },
  {
    ...{ name: 'MixedChurn', count: backlogPods, goal: 2_500, elsewhere: '710 CI', draft: basic },
    meanwhile: (bench) => (until) => bench.churn(until),
  },
  {
    ...{ name: 'Unschedulable', count: backlogPods, goal: 2_500, elsewhere: '', draft: basic },
    prepare: (bench) => bench.createUnschedulable('large', 200),
  },
  {
    // 1,000 of the nodes are full, and the pods may go nowhere else.
    ...{ name: 'Preemption', count: 1_000, goal: 0, elsewhere: '570 CI' },
    draft: () => ({ cpu: '45', spec: { ...inTwoZones, priorityClassName: 'high' } }),
    prepare: (bench) => bench.backlog('low', 4_000, () => ({ cpu: '15500m', spec: inTwoZones })),
  },
];

async function measureBacklogs(bench: SchedulingBench): Promise<void> {
  for (const each of backlogCases.filter((each) => isChosen('backlog', each.name))) {
    const { name, count, goal, elsewhere } = each;
    await each.prepare?.(bench);
    const result: Backlog = await bench.backlog(
      name.toLowerCase(),
      count,
      each.draft,
      each.meanwhile?.(bench),
    );
    add(`backlog: ${name}`, '/s', result.podsPerSecond, { elsewhere, ...(goal === 0 ? {} : { goal }) });
    add(`backlog: ${name}, scheduler's CPU a pod`, 'us', result.schedulerMicros);
    add(`backlog: ${name}, API server's CPU a pod`, 'us', result.apiserverMicros);
    await bench.removePods();
  }
}

async function measureCreation(bench: SchedulingBench): Promise<void> {
  const bare = await bench.createRate('bare', 3_000);
  const startMs = performance.now();
  await bench.bind('same', 3_000, {});
  const rate = 3_000_000 / (performance.now() - startMs);
  add('created, nobody schedules', '/s', bare);
  add('created and bound in the same clock', '/s', rate, { goal: 900 });
  add('the one of the other', '%', (100 * rate) / bare, { goal: 80 });
}

async function measureApi(): Promise<void> {
  const bench = await SchedulingBench.start(nodeCount);
  try {
    if (isAsked('single')) await measureSingle(bench);
    if (isAsked('backlog')) await measureBacklogs(bench);
    if (isAsked('creation')) await measureCreation(bench);
    add("scheduler's process, in the end", 'MB', bench.schedulerMegabytes());
    if (isAsked('restart')) add('a new scheduler process has bound a pod', 's', await bench.restart('waits'));
  } finally {
    await bench.stop();
  }
}

if (isAsked('core')) await measureCore();
if (isAsked('memory')) measureMemory();
if (parts.slice(2).some(isAsked)) await measureApi();
report('scheduler', figures, 'kube-scheduler');
