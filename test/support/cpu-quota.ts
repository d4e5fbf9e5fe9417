import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Hybrid machines have the CPU controller in a hierarchy of its own, others in the one that there is. */
const legacyRoot = '/sys/fs/cgroup/cpu';
const unifiedRoot = '/sys/fs/cgroup';

export interface CpuShare {
  /** A tenth of a second is the kernel's default; within it a group that has used up its quota stands still. */
  readonly periodUs: number;
  /** Undefined: as much as they want. */
  readonly quotaUs: number | undefined;
}

/** A cgroup whose processes share a part of the CPU, and get it before others do. Needs root. */
export class CpuQuota {
  readonly #root: string;
  readonly #directory: string;

  /** @param name of the group: nobody else's on this machine */
  constructor(name: string, { periodUs, quotaUs }: CpuShare) {
    const isLegacy = existsSync(join(legacyRoot, 'cgroup.procs'));
    this.#root = isLegacy ? legacyRoot : unifiedRoot;
    this.#directory = join(this.#root, name);
    mkdirSync(this.#directory);
    if (isLegacy) {
      writeFileSync(join(this.#directory, 'cpu.cfs_period_us'), String(periodUs));
      writeFileSync(join(this.#directory, 'cpu.cfs_quota_us'), String(quotaUs ?? -1));
      writeFileSync(join(this.#directory, 'cpu.shares'), '262144');
    } else {
      writeFileSync(join(this.#directory, 'cpu.max'), `${quotaUs ?? 'max'} ${periodUs}`);
      writeFileSync(join(this.#directory, 'cpu.weight'), '10000');
    }
  }

  /** Puts a process with all its threads under the quota. */
  add(pid: number): void {
    writeFileSync(join(this.#directory, 'cgroup.procs'), String(pid));
  }

  /** Processes that have not ended go on without it. */
  remove(): void {
    for (const pid of readFileSync(join(this.#directory, 'cgroup.procs'), 'utf8').split('\n'))
      if (pid !== '') writeFileSync(join(this.#root, 'cgroup.procs'), pid);
    rmdirSync(this.#directory);
  }
}
