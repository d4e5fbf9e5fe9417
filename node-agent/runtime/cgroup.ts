import { existsSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import { CgroupV1 } from './cgroup-v1.ts';
import { CgroupV2 } from './cgroup-v2.ts';
import type { ContainerResources } from './runtime.ts';

/** What a cgroup has used so far. */
export interface CgroupUsage {
  readonly cpuUsageNanos: number;
  readonly memoryUsageBytes: number;
  readonly memoryWorkingSetBytes: number;
  readonly pids: number;
}

/**
 * Control groups, v1 and v2 behind one form. Paths are absolute within the hierarchy (`/coracle/host-1/burstable/pod1`),
 * as crun takes them for `linux.cgroupsPath`.
 *
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html https://docs.kernel.org/admin-guide/cgroup-v1/
 */
export interface Cgroups {
  readonly version: 'v1' | 'v2';
  /** Whether memory limits can include swap. */
  readonly limitsSwap: boolean;
  /** Makes the group and its parents, ready to hold groups of its own, and applies the limits. */
  ensure(path: string, resources: ContainerResources): Promise<void>;
  apply(path: string, resources: ContainerResources): Promise<void>;
  /** Puts a process into a group that exists. */
  adopt(path: string, pid: number): Promise<void>;
  /** SIGKILL to every process in the group and below; resolves when all are gone, or rejects after some seconds. */
  kill(path: string): Promise<void>;
  /** Removes the group and everything below, deepest first. A group that is not there is a success. */
  remove(path: string): Promise<void>;
  /** Undefined when the group is not there. */
  usage(path: string): Promise<CgroupUsage | undefined>;
  /** How many processes the kernel has killed here for want of memory. */
  oomKills(path: string): Promise<number>;
}

/** The kind that is mounted at `/sys/fs/cgroup`. */
export function detectCgroups(clock: Clock, mountPoint = '/sys/fs/cgroup'): Cgroups {
  return existsSync(`${mountPoint}/cgroup.controllers`)
    ? new CgroupV2(mountPoint, clock)
    : new CgroupV1(mountPoint, clock);
}
