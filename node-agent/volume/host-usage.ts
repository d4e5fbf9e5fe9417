/**
 * What the machine, or the part of it that the agent lives in, really uses: pods and all else.
 * @see https://docs.kernel.org/accounting/psi.html
 */
import { readAvailableMemory } from './host-capacity.ts';
import { alongPath, controllerOf, memoryLimit, readIfThere } from './own-cgroup.ts';

/** `/proc/stat` counts in these, whatever the kernel's own rate is. */
const userTicksPerSecond = 100;
const nanosPerTick = 1e9 / userTicksPerSecond;
/** The v2 tree that is mounted beside v1 hierarchies; it has no controllers, and tells the pressure all the same. */
const hybridRoot = '/sys/fs/cgroup/unified';
const unifiedRoot = '/sys/fs/cgroup';

/** Share of the last ten seconds in which something waited for it, 0 to 1. */
export interface HostPressure {
  readonly cpu: number;
  readonly memory: number;
  readonly io: number;
}

export interface HostUsage {
  /** Since some moment in the past; only differences mean something. */
  readonly cpuUsageNanos: number;
  /** Without page cache that can be dropped. */
  readonly memoryBytes: number;
  readonly pressure: HostPressure;
}

/** @param capacityBytes the memory of the machine, or of the agent's part of it */
export async function readHostUsage(capacityBytes: number): Promise<HostUsage> {
  const part = await ownPart(capacityBytes);
  const [cpuUsageNanos, available, cpu, memory, io] = await Promise.all([
    cpuUsage(part),
    readAvailableMemory(capacityBytes),
    ...(['cpu', 'memory', 'io'] as const).map((resource) => pressureOf(resource, part)),
  ]);
  return {
    cpuUsageNanos,
    memoryBytes: Math.max(0, capacityBytes - available),
    pressure: { cpu: cpu ?? 0, memory: memory ?? 0, io: io ?? 0 },
  };
}

/** The cgroup that limits memory to this capacity; undefined when it is the whole machine's. */
async function ownPart(capacityBytes: number): Promise<string | undefined> {
  const memory = await controllerOf('memory');
  const limits = await alongPath(memory, (directory) => memoryLimit(directory, memory?.isUnified === true));
  return limits.find(({ value }) => value <= capacityBytes)?.path;
}

async function cpuUsage(part: string | undefined): Promise<number> {
  if (part !== undefined) {
    const legacy = await readIfThere(`${unifiedRoot}/cpuacct${part}/cpuacct.usage`);
    if (legacy !== undefined) return Number(legacy);
    const stat = (await readIfThere(`${unifiedRoot}${part}/cpu.stat`)) ?? '';
    const micros = /^usage_usec (\d+)$/m.exec(stat)?.[1];
    if (micros !== undefined) return Number(micros) * 1_000;
  }
  return busyNanos((await readIfThere('/proc/stat')) ?? '');
}

/** Of the line `cpu user nice system idle iowait irq softirq steal ...`: all but idle, iowait and what guests count twice. */
function busyNanos(stat: string): number {
  const [, user, nice, system, , , irq, softirq] = (stat.split('\n')[0] ?? '').split(/\s+/).map(Number);
  return [user, nice, system, irq, softirq].reduce<number>((sum, ticks = 0) => sum + ticks, 0) * nanosPerTick;
}

async function pressureOf(resource: string, part: string | undefined): Promise<number> {
  const places =
    part === undefined
      ? [`/proc/pressure/${resource}`]
      : [hybridRoot, unifiedRoot].map((root) => `${root}${part}/${resource}.pressure`);
  for (const place of places) {
    const text = await readIfThere(place);
    if (text !== undefined) return someOf(text);
  }
  return 0;
}

/** @param text `some avg10=1.53 avg60=... total=...`, and a line of the same form for `full` */
export function someOf(text: string): number {
  return Number(/^some avg10=([\d.]+)/.exec(text)?.[1] ?? 0) / 100;
}
