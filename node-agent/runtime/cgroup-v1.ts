import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import type { Clock } from '../../base/clock.ts';
import type { Cgroups, CgroupUsage } from './cgroup.ts';
import {
  flatValue,
  killAll,
  killUntilEmpty,
  readKernelFile,
  removeGroups,
  writeKernelFile,
} from './cgroup-files.ts';
import type { ContainerResources } from './runtime.ts';

/** Hierarchies in which a pod has a group of its own before crun makes the containers' in all of them. */
const podControllers = ['cpu', 'cpuacct', 'cpuset', 'memory', 'pids', 'freezer'];

/** One hierarchy per controller, mounted below one directory. */
export class CgroupV1 implements Cgroups {
  readonly version = 'v1';
  readonly limitsSwap: boolean;
  readonly #mountPoint: string;
  readonly #clock: Clock;
  readonly #controllers: readonly string[];

  constructor(mountPoint: string, clock: Clock) {
    this.#mountPoint = mountPoint;
    this.#clock = clock;
    this.#controllers = podControllers.filter((name) => existsSync(`${mountPoint}/${name}`));
    this.limitsSwap = existsSync(`${mountPoint}/memory/memory.memsw.limit_in_bytes`);
  }

  async ensure(path: string, resources: ContainerResources): Promise<void> {
    await Promise.all(
      this.#controllers.map(async (controller) => {
        await mkdir(this.#at(controller, path), { recursive: true });
        if (controller === 'cpuset') await this.#inheritCpuset(path);
      }),
    );
    await this.apply(path, resources);
  }

  async apply(path: string, resources: ContainerResources): Promise<void> {
    await this.#makeRoomForMemory(path, resources.memoryLimitBytes);
    for (const [controller, file, value] of limitsOf(resources)) {
      await writeKernelFile(`${this.#at(controller, path)}/${file}`, String(value));
    }
  }

  /** A group whose memory and swap together have a limit takes no greater one for memory alone. */
  async #makeRoomForMemory(path: string, limitBytes: number | undefined): Promise<void> {
    if (!this.limitsSwap || limitBytes === undefined) return;
    const file = `${this.#at('memory', path)}/memory.memsw.limit_in_bytes`;
    if (Number((await readKernelFile(file)) ?? 0) < limitBytes)
      await writeKernelFile(file, String(limitBytes));
  }

  async adopt(path: string, pid: number): Promise<void> {
    await Promise.all(
      this.#controllers.map((name) => writeKernelFile(`${this.#at(name, path)}/cgroup.procs`, String(pid))),
    );
  }

  /** Frozen while it is killed, so that nothing can fork away; the signals take effect when it thaws. */
  async kill(path: string): Promise<void> {
    const freezer = `${this.#at('freezer', path)}/freezer.state`;
    await killUntilEmpty(this.#at('pids', path), this.#clock, async (pids) => {
      const freezes = existsSync(freezer);
      if (freezes) await writeKernelFile(freezer, 'FROZEN');
      killAll(pids);
      if (freezes) await writeKernelFile(freezer, 'THAWED');
    });
  }

  /** In every hierarchy that crun uses, not only in ours. */
  async remove(path: string): Promise<void> {
    const hierarchies = readdirSync(this.#mountPoint);
    await Promise.all(hierarchies.map((name) => this.#removeIn(name, path)));
  }

  /** Where no v2 tree is mounted, crun makes plain directories and files in its place, which `rmdir` alone refuses. */
  async #removeIn(hierarchy: string, path: string): Promise<void> {
    const isPlain = !existsSync(`${this.#mountPoint}/${hierarchy}/cgroup.procs`);
    if (isPlain) await rm(this.#at(hierarchy, path), { recursive: true, force: true });
    else await removeGroups(this.#at(hierarchy, path), this.#clock);
  }

  async usage(path: string): Promise<CgroupUsage | undefined> {
    const [cpu, memory, stat, pids] = await Promise.all([
      readKernelFile(`${this.#at('cpuacct', path)}/cpuacct.usage`),
      readKernelFile(`${this.#at('memory', path)}/memory.usage_in_bytes`),
      readKernelFile(`${this.#at('memory', path)}/memory.stat`),
      readKernelFile(`${this.#at('pids', path)}/pids.current`),
    ]);
    if (cpu === undefined || memory === undefined) return undefined;
    return {
      cpuUsageNanos: Number(cpu),
      memoryUsageBytes: Number(memory),
      memoryWorkingSetBytes: Math.max(0, Number(memory) - flatValue(stat, 'total_inactive_file')),
      pids: Number(pids ?? 0),
    };
  }

  async oomKills(path: string): Promise<number> {
    const text = await readKernelFile(`${this.#at('memory', path)}/memory.oom_control`);
    return flatValue(text, 'oom_kill');
  }

  /** A new cpuset has no CPUs and no memory nodes, and takes no process until it has. */
  async #inheritCpuset(path: string): Promise<void> {
    let current = this.#at('cpuset', '');
    for (const part of path.split('/').filter(Boolean)) {
      const parent = current;
      current = `${current}/${part}`;
      for (const file of ['cpuset.cpus', 'cpuset.mems']) {
        if ((await readKernelFile(`${current}/${file}`)) !== '') continue;
        await writeKernelFile(`${current}/${file}`, (await readKernelFile(`${parent}/${file}`)) ?? '');
      }
    }
  }

  #at(controller: string, path: string): string {
    return `${this.#mountPoint}/${controller}${path === '' || path.startsWith('/') ? path : `/${path}`}`;
  }
}

function limitsOf(resources: ContainerResources): [controller: string, file: string, value: number][] {
  const limits: [string, string, number | undefined][] = [
    ['cpu', 'cpu.shares', resources.cpuShares],
    ['cpu', 'cpu.cfs_period_us', resources.cpuPeriodMicros],
    ['cpu', 'cpu.cfs_quota_us', resources.cpuQuotaMicros],
    ['memory', 'memory.limit_in_bytes', resources.memoryLimitBytes],
    ['pids', 'pids.max', resources.pidsLimit],
  ];
  return limits.flatMap(([controller, file, value]) =>
    value === undefined ? [] : [[controller, file, value]],
  );
}
