import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Hybrid machines have the CPU controller in a hierarchy of its own, others in the one that there is. */
const legacyRoot = '/sys/fs/cgroup/cpu';
const unifiedRoot = '/sys/fs/cgroup';

export interface CpuShare {
  /** A tenth of a second is the kernel's default; within it a group that has used up its quota stands still. */
  readonly periodUs: number;
  readonly quotaUs: number;
}

/** A cgroup whose processes share a part of the CPU, and get it before others do. Needs root. */
export class CpuQuota {
  readonly #directory: string;

  /** @param name of the group: nobody else's on this machine */
  constructor(name: string, { periodUs, quotaUs }: CpuShare) {
    const isLegacy = existsSync(join(legacyRoot, 'cgroup.procs'));
    this.#directory = join(isLegacy ? legacyRoot : unifiedRoot, name);
    mkdirSync(this.#directory);
    if (isLegacy) {
      writeFileSync(join(this.#directory, 'cpu.cfs_period_us'), String(periodUs));
      writeFileSync(join(this.#directory, 'cpu.cfs_quota_us'), String(quotaUs));
      writeFileSync(join(this.#directory, 'cpu.shares'), '262144');
    } else {
      writeFileSync(join(this.#directory, 'cpu.max'), `${quotaUs} ${periodUs}`);
      writeFileSync(join(this.#directory, 'cpu.weight'), '10000');
    }
  }

  /** Puts a process with all its threads under the quota. */
  add(pid: number): void {
    writeFileSync(join(this.#directory, 'cgroup.procs'), String(pid));
  }

  /** When its processes have ended. */
  remove(): void {
    rmdirSync(this.#directory);
  }
}
