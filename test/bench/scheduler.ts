/**
 * One table of the scheduler against its goals, and against kube-scheduler where its figures are known: placements of the
 * pure core by CPU time, and bindings through the API server with TLS and an etcd that writes through to its disk, by the
 * clock. Takes several minutes on a machine that does nothing else; figures are told on stderr as they come.
 *
 * `node test/bench/scheduler.ts core beside memory single backlog creation restart` measures the parts named, all by default;
 * `core=Basic` and `backlog=Basic` the workloads whose names contain that. Nodes are objects that nobody plays.
 * `hollow=1000` (not by default) does a basic backlog twice with as many nodes: with objects, and with real hollow nodes and controllers, whose requests compete for the same processors.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { delay, systemClock } from '../../base/clock.ts';
import { nodeOptionsOf } from '../../deploy/node-options.ts';

import { GoalTable } from './measure/goal-table.ts';
import { type Backlog, SchedulingBench } from './measure/scheduling-api.ts';
import { backlogCases, measureBacklog } from './measure/scheduling-backlogs.ts';
import { turnsBeside } from './measure/scheduling-beside.ts';
import { preemptionRate, rejectionRate } from './measure/scheduling-core.ts';
import { fewNodes, growthOf } from './measure/scheduling-growth.ts';
import { rewriteRate } from './measure/scheduling-limit.ts';
import { perfPod, schedulingWorkloads } from './measure/scheduling-workloads.ts';

const nodeCount = 5_000;
const warmUpPods = 100;
const singlePods = 500;
const restMs = 20;
const creationTurns = 4;
/** Code that a cluster has run for a day is compiled; here it takes some ten thousand pods. */
const warmUpTurns = 1;
const podsPerTurn = 10_000;
const hollowBacklog = 10_000;
const parts = ['core', 'beside', 'memory', 'single', 'backlog', 'creation', 'restart', 'hollow'] as const;
type Part = (typeof parts)[number];
const table = new GoalTable();

const asked = process.argv.slice(2);
const isAsked = (part: Part): boolean =>
  (asked.length === 0 && part !== 'hollow') ||
  asked.some((each) => each === part || each.startsWith(`${part}=`));
/** What stands behind `part=`. */
const detailOf = (part: Part): string =>
  asked.find((each) => each.startsWith(`${part}=`))?.slice(part.length + 1) ?? '';
/** Of a part that was asked for as `part=NAME`: whether it is about this one. */
const isChosen = (part: Part, name: string): boolean => name.includes(detailOf(part));

async function measureCore(): Promise<void> {
  for (const { name, goal } of schedulingWorkloads.filter((each) => isChosen('core', each.name))) {
    const { rates, percents } = await growthOf(name, nodeCount);
    table.add({ name: `core: ${name}`, unit: '/s', values: rates, atLeast: goal });
    const growth = `core: ${name}, cost ${fewNodes} -> 5,000 nodes`;
    table.add({ name: growth, unit: '%', values: percents, atMost: 33.4 });
  }
  if (!isChosen('core', '')) return;
  table.add({ name: 'core: Preemption', unit: '/s', values: [preemptionRate(nodeCount)], atLeast: 2_000 });
  table.add({ name: 'core: pods that fit nowhere', unit: '/s', values: [rejectionRate(nodeCount)] });
}

async function measureBeside(): Promise<void> {
  for (const [name, values] of Object.entries(await turnsBeside(nodeCount)))
    table.add({ name: `150,000 pods: ${name}`, unit: 'ms', values });
}

function measureMemory(): void {
  const script = join(import.meta.dirname, 'measure/scheduling-memory.ts');
  for (const podCount of [10_000, 150_000]) {
    const output = execFileSync(process.execPath, [
      ...[...nodeOptionsOf('scheduler'), '--expose-gc'],
      ...[script, `${nodeCount}`, `${podCount}`],
    ]);
    const [megabytes = 0, peak = 0, seconds = 0] = output.toString().split(' ').map(Number);
    const state = `5,000 nodes, ${podCount.toLocaleString('en')} pods`;
    const goal = podCount > 10_000 ? {} : { atMost: 1 };
    table.add({ name: `${state}: read by a new scheduler`, unit: 's', values: [seconds], ...goal });
    table.add({ name: `${state}: memory`, unit: 'MB', values: [megabytes], atMost: 400 });
    table.add({ name: `${state}: memory while it reads`, unit: 'MB', values: [peak] });
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
    const bound = await bench.bind(`one-${i}`, 1);
    if (i >= warmUpPods) for (const [createdMs, boundMs] of bound) latencies.push(boundMs - createdMs);
    await delay(systemClock, restMs);
  }
  const name = 'one pod on an idle cluster, created -> bound';
  const typical = percentile(latencies, 0.5);
  table.add({ name: `${name}, median`, unit: 'ms', values: [typical], atMost: 22, peer: { here: 22 } });
  table.add({ name: `${name}, p99`, unit: 'ms', values: [percentile(latencies, 0.99)], atMost: 15 });
}

const micros = (backlog: Backlog): string => {
  const { schedulerMicros, apiserverMicros, etcdMicros, agentsMicros, othersPercent } = backlog;
  const agents = agentsMicros === 0 ? '' : `, agents and controllers ${agentsMicros.toFixed(0)}`;
  const others =
    othersPercent < 5 ? '' : `; other programs took ${othersPercent.toFixed(0)} % of the machine`;
  return `us of CPU a pod: scheduler ${schedulerMicros.toFixed(0)}, API server ${apiserverMicros.toFixed(0)}, etcd ${etcdMicros.toFixed(0)}${agents}${others}`;
};

async function measureBacklogs(bench: SchedulingBench): Promise<void> {
  const limit = await rewriteRate(bench);
  table.add({ name: 'raw etcd: objects of the same size, 100 a write', unit: '/s', values: [limit] });
  const cases = backlogCases.filter((each) => isChosen('backlog', each.name));
  for (const [i, each] of cases.entries()) {
    const backlog = await measureBacklog(bench, each, cases[i + 1]);
    const here = each.name === 'SchedulingBasic' ? 198 : undefined;
    table.add({
      ...{ name: `backlog: ${each.name}`, unit: '/s', values: [backlog.podsPerSecond], limit },
      ...{ ...(each.goal === undefined ? {} : { atLeast: each.goal }), peer: { here, ci: each.ci } },
      notes: [`${each.count.toLocaleString('en')} pods; ${each.shape}`, micros(backlog)],
    });
  }
}

/** In turns, so that a machine whose speed changes does so for both. */
async function measureCreation(bench: SchedulingBench): Promise<void> {
  const turns: { readonly bare: number; readonly both: number }[] = [];
  for (let turn = 0; turn < warmUpTurns + creationTurns; turn += 1) {
    await bench.whenTold();
    const bare = await bench.createRate(`bare-${turn}`, podsPerTurn);
    // What watchers have not read yet of those before is no part of these.
    await bench.whenTold();
    const startMs = performance.now();
    await bench.bind(`same-${turn}`, podsPerTurn);
    const both = (podsPerTurn * 1_000) / (performance.now() - startMs);
    if (turn >= warmUpTurns) turns.push({ bare, both });
  }
  const values = (of: (turn: (typeof turns)[number]) => number): number[] => turns.map(of);
  table.add({ name: 'created, nobody schedules', unit: '/s', values: values(({ bare }) => bare) });
  const name = 'created -> bound in the same clock';
  table.add({ name, unit: '/s', values: values(({ both }) => both), atLeast: 900 });
  // Of all turns together, which are long: a collection of all garbage takes a tenth of a second, and comes each second.
  const secondsOf = (rates: readonly number[]): number => rates.reduce((total, rate) => total + 1 / rate, 0);
  const share = (100 * secondsOf(values(({ bare }) => bare))) / secondsOf(values(({ both }) => both));
  table.add({ name: 'the one of the other, all turns together', unit: '%', values: [share], atLeast: 80 });
}

async function measureApi(): Promise<void> {
  table.progress('starting etcd, the API server, the scheduler and 5,000 nodes');
  const bench = await SchedulingBench.start(nodeCount);
  try {
    if (isAsked('single')) await measureSingle(bench);
    if (isAsked('backlog')) await measureBacklogs(bench);
    if (isAsked('creation')) await measureCreation(bench);
    const name = "the scheduler's process, in the end";
    table.add({ name, unit: 'MB', values: [bench.schedulerMegabytes()], atMost: 400 });
    if (isAsked('restart')) {
      const seconds = await bench.restart('waits');
      table.add({ name: 'a new scheduler process has bound a pod', unit: 's', values: [seconds] });
    }
  } finally {
    await bench.stop();
  }
}

async function measureHollow(): Promise<void> {
  const count = Number(detailOf('hollow') || 1_000);
  for (const kind of ['objects', 'hollow'] as const) {
    table.progress(`starting ${count} nodes (${kind})`);
    const bench = await SchedulingBench.start(count, kind);
    try {
      const draft = () => perfPod({ cpu: '10m' });
      const backlog = await bench.backlog({ prefix: 'hollow', count: hollowBacklog, draft });
      const what = kind === 'hollow' ? 'hollow nodes' : 'Node objects';
      table.add({
        ...{ name: `backlog: ${count} ${what}`, unit: '/s', values: [backlog.podsPerSecond] },
        ...{ atLeast: 2_500, notes: [micros(backlog)] },
      });
    } finally {
      await bench.stop();
    }
  }
}

if (isAsked('core')) await measureCore();
if (isAsked('beside')) await measureBeside();
if (isAsked('memory')) measureMemory();
if ((['single', 'backlog', 'creation', 'restart'] as const).some(isAsked)) await measureApi();
if (isAsked('hollow')) await measureHollow();
table.report('scheduler');
