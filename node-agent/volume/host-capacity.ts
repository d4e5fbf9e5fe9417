/**
 * What the machine, or the part of it that the agent lives in, has: the smallest limit on the way from the agent's own
 * cgroup to the root counts, on cgroup v1 and v2 alike.
 */
import { statfs } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { alongPath, controllerOf, memoryLimit, readIfThere } from './own-cgroup.ts';

export interface HostCapacity {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

export async function readHostCapacity(): Promise<HostCapacity> {
  const [memory, cpu] = await Promise.all([controllerOf('memory'), controllerOf('cpu')]);
  const memoryLimits = await alongPath(memory, (directory) =>
    memoryLimit(directory, memory?.isUnified === true),
  );
  const cpuLimits = await alongPath(cpu, (directory) => cpuLimitMillis(directory, cpu?.isUnified === true));
  return {
    memoryBytes: Math.min(totalmem(), ...memoryLimits.map(({ value }) => value)),
    cpuMillis: Math.min(
      Math.max(cpus().length, availableParallelism()) * 1000,
      ...cpuLimits.map(({ value }) => value),
    ),
  };
}

/** Bytes that processes can still get, page cache counted as free. */
export async function readAvailableMemory(capacityBytes: number): Promise<number> {
  const memory = await controllerOf('memory');
  if (memory === undefined) return capacityBytes;
  const used = await alongPath(memory, async (directory) => {
    const limit = await memoryLimit(directory, memory.isUnified);
    if (limit === undefined || limit > capacityBytes) return undefined;
    return usedBytes(directory, memory.isUnified);
  });
  return used.length === 0 ? freeOfMachine() : capacityBytes - Math.max(...used.map(({ value }) => value));
}

async function freeOfMachine(): Promise<number> {
  const text = (await readIfThere('/proc/meminfo')) ?? '';
  return Number(/^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
}

async function usedBytes(directory: string, isUnified: boolean): Promise<number | undefined> {
  const usage = await readIfThere(join(directory, isUnified ? 'memory.current' : 'memory.usage_in_bytes'));
  const stat = await readIfThere(join(directory, 'memory.stat'));
  if (usage === undefined) return undefined;
  const key = isUnified ? 'inactive_file' : 'total_inactive_file';
  const cache = Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(stat ?? '')?.[1] ?? 0);
  return Number(usage) - cache;
}

async function cpuLimitMillis(directory: string, isUnified: boolean): Promise<number | undefined> {
  const [quota, period] = isUnified
    ? ((await readIfThere(join(directory, 'cpu.max'))) ?? 'max 100000').split(' ')
    : [
        await readIfThere(join(directory, 'cpu.cfs_quota_us')),
        await readIfThere(join(directory, 'cpu.cfs_period_us')),
      ];
  const limit = (Number(quota ?? 'none') / Number(period ?? 'none')) * 1000;
  return Number.isFinite(limit) && limit > 0 ? Math.floor(limit) : undefined;
}

export interface DiskSpace {
  readonly capacityBytes: number;
  readonly availableBytes: number;
}

export async function readDiskSpace(path: string): Promise<DiskSpace> {
  const { bsize, blocks, bavail } = await statfs(path);
  return { capacityBytes: blocks * bsize, availableBytes: bavail * bsize };
}

/** Facts of the running system for `nodeInfo`. */
export interface HostIdentity {
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  readonly osImage: string;
}

export async function readHostIdentity(): Promise<HostIdentity> {
  const machineId = (await readIfThere('/etc/machine-id')) ?? '';
  const release = (await readIfThere('/etc/os-release')) ?? '';
  return {
    machineId,
    systemUuid: (await readIfThere('/sys/class/dmi/id/product_uuid')) ?? machineId,
    bootId: (await readIfThere('/proc/sys/kernel/random/boot_id')) ?? '',
    osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(release)?.[1] ?? 'Linux',
  };
}
