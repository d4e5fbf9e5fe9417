/**
 * What the machine, or the part of it that the agent lives in, has: the smallest limit on the way from the agent's own
 * cgroup to the root counts, on cgroup v1 and v2 alike.
 */
import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { codeOf } from '../../base/invariant.ts';

const mountPoint = '/sys/fs/cgroup';
/** cgroup v1 says "no limit" with the greatest page-aligned number. */
const noLimitBytes = 2 ** 60;

export interface HostCapacity {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

interface Controller {
  /** Directory of the hierarchy. */
  readonly root: string;
  /** cgroup of this process in it. */
  readonly path: string;
  readonly isUnified: boolean;
}

export async function readHostCapacity(): Promise<HostCapacity> {
  const [memory, cpu] = await Promise.all([controllerOf('memory'), controllerOf('cpu')]);
  const memoryLimits = await alongPath(memory, (directory) =>
    memoryLimit(directory, memory?.isUnified === true),
  );
  const cpuLimits = await alongPath(cpu, (directory) => cpuLimitMillis(directory, cpu?.isUnified === true));
  return {
    memoryBytes: Math.min(totalmem(), ...memoryLimits),
    cpuMillis: Math.min(Math.max(cpus().length, availableParallelism()) * 1000, ...cpuLimits),
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
  return used.length === 0 ? freeOfMachine() : capacityBytes - Math.max(...used);
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

async function memoryLimit(directory: string, isUnified: boolean): Promise<number | undefined> {
  const text = await readIfThere(join(directory, isUnified ? 'memory.max' : 'memory.limit_in_bytes'));
  const limit = Number(text ?? 'none');
  return Number.isFinite(limit) && limit < noLimitBytes ? limit : undefined;
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

/** Values of a cgroup and all above it. */
async function alongPath(
  controller: Controller | undefined,
  read: (directory: string) => Promise<number | undefined>,
): Promise<number[]> {
  const values: number[] = [];
  for (let path = controller?.path; controller !== undefined && path !== undefined; path = parentOf(path)) {
    const value = await read(join(controller.root, path));
    if (value !== undefined) values.push(value);
  }
  return values;
}

function parentOf(path: string): string | undefined {
  return path === '/' ? undefined : dirname(path);
}

/** @see cgroups(7): lines `id:controllers:path`, with no controllers for v2. */
async function controllerOf(name: string): Promise<Controller | undefined> {
  const lines = ((await readIfThere('/proc/self/cgroup')) ?? '').split('\n').map((line) => line.split(':'));
  const legacy = lines.find(([, names]) => names?.split(',').includes(name) === true);
  if (legacy !== undefined) return { root: join(mountPoint, name), path: legacy[2] ?? '/', isUnified: false };
  const unified = lines.find(([id, names]) => id === '0' && names === '');
  return unified === undefined ? undefined : { root: mountPoint, path: unified[2] ?? '/', isUnified: true };
}

/** A limit of the root, or of a hierarchy that is not mounted here, does not exist. */
async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
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
