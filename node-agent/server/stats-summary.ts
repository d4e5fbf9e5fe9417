import type { Clock } from '../../base/clock.ts';
import { toTime } from '../../base/clock.ts';
import { currentSandbox } from '../pod/plan-containers.ts';
import type { PodWorker } from '../pod/pod-worker.ts';
import type { PodWorkers } from '../pod/pod-workers.ts';
import type { ContainerRuntime, ContainerStats } from '../runtime/runtime.ts';
import type { HostUsage } from '../volume/host-usage.ts';

/** A rate needs two looks, this far apart at least. */
const minRateSpanMs = 1_000;

export interface StatsSummaryOptions {
  readonly workers: PodWorkers;
  readonly runtime: ContainerRuntime;
  readonly nodeName: string;
  /** Of the whole machine. */
  readonly readUsage: () => Promise<HostUsage>;
  readonly clock: Clock;
}

interface Sample {
  readonly timeMs: number;
  readonly cpuUsageNanos: number;
  readonly nanoCores: number | undefined;
}

/** `/stats/summary`: usage per container, pod and node, and CPU rates since the last look. */
export class StatsSummary {
  readonly #options: StatsSummaryOptions;
  #samples = new Map<string, Sample>();

  constructor(options: StatsSummaryOptions) {
    this.#options = options;
  }

  async read(): Promise<object> {
    const { workers, nodeName } = this.#options;
    const before = this.#samples;
    this.#samples = new Map();
    const [usage, pods] = await Promise.all([
      this.#options.readUsage(),
      Promise.all(workers.all.map((worker) => this.#podStats(worker, before))),
    ]);
    const now = toTime(this.#options.clock.nowMs());
    return {
      node: {
        nodeName,
        cpu: { time: now, usageCoreNanoSeconds: usage.cpuUsageNanos },
        memory: { time: now, workingSetBytes: usage.memoryBytes },
      },
      pods,
    };
  }

  async #podStats(worker: PodWorker, before: ReadonlyMap<string, Sample>): Promise<object> {
    const { runtime } = this.#options;
    const { name, namespace, uid } = worker.pod.metadata;
    const running = worker.memory.containers.filter(({ state }) => state === 'running');
    const containers = await Promise.all(
      running.map(async (instance) => {
        const stats = await runtime.containerStats(instance.id);
        const startTime = toTime(instance.startedAtMs ?? instance.createdAtMs);
        return { name: instance.name, startTime, ...this.#entry(instance.id, stats, before) };
      }),
    );
    const sandbox = currentSandbox(worker.memory);
    const stats = sandbox === undefined ? undefined : await runtime.podStats(sandbox.id);
    return {
      podRef: { name, namespace, uid },
      startTime: worker.memory.lastStatus?.startTime,
      containers,
      ...this.#entry(sandbox?.id ?? '', stats, before),
    };
  }

  #entry(id: string, stats: ContainerStats | undefined, before: ReadonlyMap<string, Sample>): object {
    if (stats === undefined) return {};
    const nanoCores = this.#rate(id, stats, before.get(id));
    const time = toTime(stats.timeMs);
    return {
      cpu: {
        time,
        usageCoreNanoSeconds: stats.cpuUsageNanos,
        ...(nanoCores === undefined ? {} : { usageNanoCores: nanoCores }),
      },
      memory: { time, usageBytes: stats.memoryUsageBytes, workingSetBytes: stats.memoryWorkingSetBytes },
      process_stats: { process_count: stats.pids },
    };
  }

  #rate(id: string, stats: ContainerStats, last: Sample | undefined): number | undefined {
    const spanMs = last === undefined ? 0 : stats.timeMs - last.timeMs;
    if (last !== undefined && spanMs < minRateSpanMs) {
      this.#samples.set(id, last);
      return last.nanoCores;
    }
    const nanoCores =
      last === undefined
        ? undefined
        : Math.round(((stats.cpuUsageNanos - last.cpuUsageNanos) / spanMs) * 1000);
    this.#samples.set(id, { timeMs: stats.timeMs, cpuUsageNanos: stats.cpuUsageNanos, nanoCores });
    return nanoCores;
  }
}
