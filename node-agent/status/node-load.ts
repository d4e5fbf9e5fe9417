import { currentSandbox } from '../pod/plan-containers.ts';
import type { PodWorkers } from '../pod/pod-workers.ts';
import type { ContainerRuntime } from '../runtime/runtime.ts';

/** On the node's Lease, for the scheduler: `{"cpu":"250m","memory":"1048576"}`, what its pods really use. */
export const loadAnnotation = 'coracle.dev/load';

const minRateSpanMs = 1_000;
const nanosPerMilliCore = 1e6;

interface Sample {
  readonly timeMs: number;
  readonly cpuUsageNanos: number;
}

/** What the pods of this node really use. A rate needs two looks, so the first has none to give. */
export class NodeLoad {
  readonly #runtime: Pick<ContainerRuntime, 'podStats'>;
  #workers: Pick<PodWorkers, 'all'> | undefined;
  #samples = new Map<string, Sample>();

  constructor(runtime: Pick<ContainerRuntime, 'podStats'>) {
    this.#runtime = runtime;
  }

  /** Whose pods; until then there are none. */
  follow(workers: Pick<PodWorkers, 'all'>): void {
    this.#workers = workers;
  }

  /** The annotation's value. */
  async read(): Promise<string> {
    const before = this.#samples;
    this.#samples = new Map();
    let cpuMillis = 0;
    let memoryBytes = 0;
    for (const { memory } of this.#workers?.all ?? []) {
      const sandbox = currentSandbox(memory);
      const stats = sandbox === undefined ? undefined : await this.#runtime.podStats(sandbox.id);
      if (sandbox === undefined || stats === undefined) continue;
      this.#samples.set(sandbox.id, stats);
      memoryBytes += stats.memoryWorkingSetBytes;
      cpuMillis += cpuRate(stats, before.get(sandbox.id));
    }
    return JSON.stringify({ cpu: `${Math.round(cpuMillis)}m`, memory: `${Math.round(memoryBytes)}` });
  }
}

function cpuRate(now: Sample, last: Sample | undefined): number {
  const spanMs = last === undefined ? 0 : now.timeMs - last.timeMs;
  if (last === undefined || spanMs < minRateSpanMs) return 0;
  return Math.max(0, (now.cpuUsageNanos - last.cpuUsageNanos) / (spanMs / 1_000) / nanosPerMilliCore);
}
