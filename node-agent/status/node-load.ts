import type { LoadFigures } from '../../base/beat-renewal.ts';
import type { HostUsage } from '../volume/host-usage.ts';

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

  async read(): Promise<LoadFigures> {
    const { cpuUsageNanos, memoryBytes, pressure } = await this.#readUsage();
    const now: Sample = { timeMs: this.#nowMs(), cpuUsageNanos };
    const cpuMillis = cpuRate(now, this.#last);
    if (cpuMillis !== undefined || this.#last === undefined) this.#last = now;
    return { cpuMillis: Math.round(cpuMillis ?? 0), memoryBytes: Math.round(memoryBytes), pressure };
  }
}

/** Undefined when the two are too near one another for a rate. */
function cpuRate(now: Sample, last: Sample | undefined): number | undefined {
  const spanMs = last === undefined ? 0 : now.timeMs - last.timeMs;
  if (last === undefined || spanMs < minRateSpanMs) return undefined;
  return Math.max(0, (now.cpuUsageNanos - last.cpuUsageNanos) / (spanMs / 1_000) / nanosPerMilliCore);
}
