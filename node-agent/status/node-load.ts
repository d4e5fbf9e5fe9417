import type { HostUsage } from '../volume/host-usage.ts';

/**
 * On the node's Lease, for the scheduler: what the machine really uses, pods and all else, and the share of the last
 * ten seconds in which something waited: `{"cpu":"250m","memory":"1048576","pressure":{"cpu":0.1,"memory":0,"io":0}}`.
 */
export const loadAnnotation = 'coracle.dev/load';

const minRateSpanMs = 1_000;
const nanosPerMilliCore = 1e6;

interface Sample {
  readonly timeMs: number;
  readonly cpuUsageNanos: number;
}

/** Reports of a node's load. A rate needs two looks, so the first has none to give. */
export class NodeLoad {
  readonly #readUsage: () => Promise<HostUsage>;
  readonly #nowMs: () => number;
  #last: Sample | undefined;

  /** @param nowMs of a clock that does not jump */
  constructor(readUsage: () => Promise<HostUsage>, nowMs: () => number) {
    this.#readUsage = readUsage;
    this.#nowMs = nowMs;
  }

  /** The annotation's value. */
  async read(): Promise<string> {
    const { cpuUsageNanos, memoryBytes, pressure } = await this.#readUsage();
    const now: Sample = { timeMs: this.#nowMs(), cpuUsageNanos };
    const cpuMillis = cpuRate(now, this.#last);
    if (cpuMillis !== undefined || this.#last === undefined) this.#last = now;
    return JSON.stringify({
      cpu: `${Math.round(cpuMillis ?? 0)}m`,
      memory: `${Math.round(memoryBytes)}`,
      pressure,
    });
  }
}

/** Undefined when the two are too near one another for a rate. */
function cpuRate(now: Sample, last: Sample | undefined): number | undefined {
  const spanMs = last === undefined ? 0 : now.timeMs - last.timeMs;
  if (last === undefined || spanMs < minRateSpanMs) return undefined;
  return Math.max(0, (now.cpuUsageNanos - last.cpuUsageNanos) / (spanMs / 1_000) / nanosPerMilliCore);
}
