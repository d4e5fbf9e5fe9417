/**
 * One table of the scheduler: placements of the pure core by CPU time, and bindings through the API server with TLS
 * and etcd by the clock. Nothing is judged.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type Figure, report } from './measure/figures.ts';
import { SchedulingBench } from './measure/scheduling-api.ts';
import { placementRate, preemptionRate, rejectionRate } from './measure/scheduling-core.ts';
import { schedulingWorkloads } from './measure/scheduling-workloads.ts';

const nodeCount = 5_000;
const backlog = 10_000;
const figures: Figure[] = [];

function add(name: string, unit: Figure['unit'], value: number, more: Partial<Figure> = {}): void {
  figures.push({ name, unit, values: [value], ...more });
}

function measureCore(): void {
  for (const workload of schedulingWorkloads) {
    // Twice: the first run is the compiler's.
    placementRate(50, workload);
    const [few, many] = [placementRate(50, workload), placementRate(nodeCount, workload)];
    const { goal, elsewhere } = workload;
    add(`core: ${workload.name}`, '/s', many, { goal, elsewhere });
    add(`core: ${workload.name}, cost 50 -> ${nodeCount} nodes`, '%', (few / many - 1) * 100, { goal: 33 });
  }
  add('core: Preemption', '/s', preemptionRate(nodeCount), { goal: 2_000, elsewhere: '570' });
  add('core: Unschedulable', '/s', rejectionRate(nodeCount));
}

function measureMemory(): void {
  const script = join(import.meta.dirname, 'measure/scheduling-memory.ts');
  const output = execFileSync(process.execPath, ['--expose-gc', script, `${nodeCount}`, '150000']).toString();
  add('state of 5,000 nodes, 150,000 pods', 'MB', Number(output.split(' ')[0]), { goal: 400 });
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

async function measureApi(): Promise<void> {
  const bench = await SchedulingBench.start(nodeCount);
  try {
    const latencies: number[] = [];
    for (let i = 0; i < 200; i += 1)
      for (const [createdMs, boundMs] of await bench.bind(`one-${i}`, 1, {}))
        latencies.push(boundMs - createdMs);
    add('one pod, created -> bound, median', 'ms', percentile(latencies, 0.5), { elsewhere: '22' });
    add('one pod, created -> bound, p99', 'ms', percentile(latencies, 0.99), { goal: 15 });
    for (const { name, draft, onePerNode } of schedulingWorkloads.filter(
      (each) => !each.name.startsWith('Basic'),
    )) {
      const count = onePerNode === true ? nodeCount / 2 : backlog;
      const { podsPerSecond, schedulerMicros, apiserverMicros } = await bench.backlog(
        name.toLowerCase(),
        count,
        draft(0),
      );
      const goal = name === 'SchedulingBasic' ? 2_500 : 1_500;
      add(`backlog: ${name}`, '/s', podsPerSecond, { goal, elsewhere: '198' });
      add(`backlog: ${name}, scheduler's CPU a pod`, 'us', schedulerMicros);
      add(`backlog: ${name}, API server's CPU a pod`, 'us', apiserverMicros);
      if (process.argv[2] === 'short') break;
      await bench.removePods();
    }
    const bare = await bench.createRate('bare', 3_000);
    const startMs = performance.now();
    await bench.bind('same', 3_000, {});
    const rate = 3_000_000 / (performance.now() - startMs);
    add('created by nobody scheduled', '/s', bare);
    add('creation in the same clock, bound', '/s', rate, { goal: 900 });
    add('scheduler, resident', 'MB', bench.schedulerMegabytes(), { goal: 400 });
  } finally {
    await bench.stop();
  }
}

const only = process.argv[2];
if (only !== 'api' && only !== 'short') {
  measureCore();
  measureMemory();
}
if (only !== 'core') await measureApi();
report('scheduler', figures, 'kube-scheduler');
