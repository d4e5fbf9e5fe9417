import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import type { Clock } from '../../base/clock.ts';
import type { Cgroups, CgroupUsage } from './cgroup.ts';
import { flatValue, killUntilEmpty, readKernelFile, removeGroups, writeKernelFile } from './cgroup-files.ts';
import type { ContainerResources } from './runtime.ts';

const wantedControllers = ['cpu', 'cpuset', 'io', 'memory', 'pids'];
const defaultPeriodMicros = 100_000;

/** The unified hierarchy. */
export class CgroupV2 implements Cgroups {
  readonly version = 'v2';
  readonly limitsSwap: boolean;
  readonly #mountPoint: string;
  readonly #clock: Clock;

  constructor(mountPoint: string, clock: Clock) {
    this.#mountPoint = mountPoint;
    this.#clock = clock;
    this.limitsSwap = existsSync('/proc/swaps');
  }

  /** Controllers are handed down level by level: a group has only what its parent's `subtree_control` names. */
  async ensure(path: string, resources: ContainerResources): Promise<void> {
    await mkdir(this.#at(path), { recursive: true });
    let current = this.#mountPoint;
    for (const part of ['', ...path.split('/').filter(Boolean)]) {
      if (part !== '') current = `${current}/${part}`;
      await this.#handDown(current);
    }
    await this.apply(path, resources);
  }

  async apply(path: string, resources: ContainerResources): Promise<void> {
    for (const [file, value] of limitsOf(resources))
      await writeKernelFile(`${this.#at(path)}/${file}`, value);
  }

  async adopt(path: string, pid: number): Promise<void> {
    await writeKernelFile(`${this.#at(path)}/cgroup.procs`, String(pid));
  }

  async kill(path: string): Promise<void> {
    await killUntilEmpty(this.#at(path), this.#clock, () =>
      writeKernelFile(`${this.#at(path)}/cgroup.kill`, '1'),
    );
  }

  remove(path: string): Promise<void> {
    return removeGroups(this.#at(path), this.#clock);
  }

  async usage(path: string): Promise<CgroupUsage | undefined> {
    const [cpu, memory, stat, pids] = await Promise.all(
      ['cpu.stat', 'memory.current', 'memory.stat', 'pids.current'].map((file) =>
        readKernelFile(`${this.#at(path)}/${file}`),
      ),
    );
    if (cpu === undefined) return undefined;
    const used = Number(memory ?? 0);
    return {
      cpuUsageNanos: flatValue(cpu, 'usage_usec') * 1000,
      memoryUsageBytes: used,
      memoryWorkingSetBytes: Math.max(0, used - flatValue(stat, 'inactive_file')),
      pids: Number(pids ?? 0),
    };
  }

  async oomKills(path: string): Promise<number> {
    return flatValue(await readKernelFile(`${this.#at(path)}/memory.events`), 'oom_kill');
  }

  async #handDown(directory: string): Promise<void> {
    const available = ((await readKernelFile(`${directory}/cgroup.controllers`)) ?? '').split(' ');
    const enabled = ((await readKernelFile(`${directory}/cgroup.subtree_control`)) ?? '').split(' ');
    const missing = wantedControllers.filter((name) => available.includes(name) && !enabled.includes(name));
    if (missing.length === 0) return;
    const wanted = missing.map((name) => `+${name}`).join(' ');
    await writeKernelFile(`${directory}/cgroup.subtree_control`, wanted);
  }

  #at(path: string): string {
    return `${this.#mountPoint}${path.startsWith('/') ? path : `/${path}`}`;
  }
}

function limitsOf(resources: ContainerResources): [file: string, value: string][] {
  const { cpuShares, cpuQuotaMicros, cpuPeriodMicros, memoryLimitBytes, pidsLimit } = resources;
  const limits: [string, string][] = [];
  if (cpuShares !== undefined) limits.push(['cpu.weight', String(cpuWeightOf(cpuShares))]);
  if (cpuQuotaMicros !== undefined) {
    const quota = cpuQuotaMicros < 0 ? 'max' : String(cpuQuotaMicros);
    limits.push(['cpu.max', `${quota} ${cpuPeriodMicros ?? defaultPeriodMicros}`]);
  }
  if (memoryLimitBytes !== undefined) limits.push(['memory.max', limitText(memoryLimitBytes)]);
  if (pidsLimit !== undefined) limits.push(['pids.max', limitText(pidsLimit)]);
  return limits;
}

/** v1 shares (2..262144) on v2's scale (1..10000), as runc and crun convert them. */
export function cpuWeightOf(cpuShares: number): number {
  const shares = Math.min(262_144, Math.max(2, cpuShares));
  return 1 + Math.floor(((shares - 2) * 9999) / 262_142);
}

function limitText(value: number): string {
  return value < 0 ? 'max' : String(value);
}
