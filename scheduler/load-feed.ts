/**
 * What nodes really use. An agent writes it into an annotation of its Lease, which it renews every ten seconds
 * anyway, so a report costs no request of its own. A report that is old says less, and at last nothing.
 */
import type { Lease } from '../api/generated/coordination-v1.ts';
import { loadAnnotation } from '../api/node-load.ts';
import { toMillis, toUnits } from '../api/quantity.ts';
import { type Clock, delay } from '../base/clock.ts';
import type { ReflectorSink } from '../client/reflector.ts';
import type { Cluster } from './cache/cluster.ts';
import type { NodeLoad } from './framework/node-info.ts';
import type { Resources } from './framework/resources.ts';

const sweepPeriodMs = 5_000;
/** Two and a half renewals: one was missed. */
const staleAfterMs = 25_000;
const worthlessAfterMs = 60_000;
const staleConfidence = 0.5;
/** Changes below this share of the node are not worth judging the node anew. */
const leastChange = 0.02;

interface Report {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly pressure: Pressure;
}

/** Shares of the last ten seconds in which something waited, 0 to 1. */
interface Pressure {
  readonly cpu: number;
  readonly memory: number;
  readonly io: number;
}

export class LoadFeed implements ReflectorSink<Lease> {
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #receivedMs = new Map<string, number>();

  constructor(cluster: Cluster, clock: Clock) {
    this.#cluster = cluster;
    this.#clock = clock;
  }

  replace(leases: readonly Lease[]): void {
    for (const lease of leases) this.upsert(lease);
  }

  upsert({ metadata }: Lease): void {
    const told = toReport(metadata.annotations?.[loadAnnotation]);
    if (told === undefined) return;
    this.#receivedMs.set(metadata.name, this.#clock.monotonicMs());
    const node = this.#cluster.node(metadata.name);
    if (node === undefined) return;
    const report = underPressure(told, node.allocatable);
    const { load, allocatable, sinceReport } = node;
    const isSame =
      load?.confidence === 1 &&
      sinceReport.cpuMillis + sinceReport.memoryBytes === 0 &&
      Math.abs(load.cpuMillis - report.cpuMillis) <= leastChange * allocatable.cpuMillis &&
      Math.abs(load.memoryBytes - report.memoryBytes) <= leastChange * allocatable.memoryBytes;
    if (!isSame) this.#cluster.setLoad(metadata.name, { ...report, confidence: 1 }, true);
  }

  remove({ metadata }: Lease): void {
    this.#receivedMs.delete(metadata.name);
    this.#cluster.setLoad(metadata.name, undefined, false);
  }

  /** Ages the reports until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await delay(this.#clock, sweepPeriodMs, signal);
      this.age();
    }
  }

  age(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [name, receivedMs] of this.#receivedMs) {
      const load = this.#cluster.node(name)?.load;
      if (load === undefined) continue;
      const aged = agedLoad(load, nowMs - receivedMs);
      if (aged?.confidence !== load.confidence) this.#cluster.setLoad(name, aged, false);
    }
  }
}

interface WireReport {
  readonly cpu?: unknown;
  readonly memory?: unknown;
  readonly pressure?: { readonly cpu?: unknown; readonly memory?: unknown; readonly io?: unknown };
}

function agedLoad(load: NodeLoad, ageMs: number): NodeLoad | undefined {
  if (ageMs >= worthlessAfterMs) return undefined;
  return ageMs >= staleAfterMs ? { ...load, confidence: staleConfidence } : load;
}

/**
 * What the node can still give shrinks by the share of time in which its processes waited already: use alone cannot
 * tell a full node from one that is full twice over. Waiting for disks counts with the CPU.
 */
function underPressure(
  { cpuMillis, memoryBytes, pressure }: Report,
  allocatable: Resources,
): Omit<NodeLoad, 'confidence'> {
  const raised = (used: number, total: number, share: number): number =>
    used + Math.max(0, total - used) * Math.min(1, Math.max(0, share));
  return {
    cpuMillis: raised(cpuMillis, allocatable.cpuMillis, Math.max(pressure.cpu, pressure.io)),
    memoryBytes: raised(memoryBytes, allocatable.memoryBytes, pressure.memory),
  };
}

/** Undefined for what is no report: the node is then judged by requests alone. */
function toReport(text: string | undefined): Report | undefined {
  if (text === undefined) return undefined;
  try {
    const { cpu, memory, pressure } = JSON.parse(text) as WireReport;
    if (typeof cpu !== 'string' || typeof memory !== 'string') return undefined;
    const share = (value: unknown): number => (typeof value === 'number' ? value : 0);
    return {
      cpuMillis: toMillis(cpu),
      memoryBytes: toUnits(memory),
      pressure: { cpu: share(pressure?.cpu), memory: share(pressure?.memory), io: share(pressure?.io) },
    };
  } catch {
    // Not JSON, or no quantities: somebody else's annotation must not stop the others.
    return undefined;
  }
}
