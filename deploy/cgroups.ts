/**
 * cgroups of one cluster: `/coracle/<cluster>/<group>` in every v1 hierarchy, or in the one v2 tree. They limit a
 * simulated host to its capacity, and they are how `down` finds every process of the cluster, whatever became of it.
 * @see https://docs.kernel.org/admin-guide/cgroup-v1/cgroups.html https://docs.kernel.org/admin-guide/cgroup-v2.html
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../base/invariant.ts';

const mountPoint = '/sys/fs/cgroup';
const v2Controllers = ['cpu', 'memory', 'pids', 'cpuset', 'io'];

/** Path below each hierarchy's root, e.g. `/coracle/test/host-1`. */
export function cgroupPath(cluster: string, group?: string): string {
  return group === undefined ? `/coracle/${cluster}` : `/coracle/${cluster}/${group}`;
}

export function isUnified(): boolean {
  return existsSync(join(mountPoint, 'cgroup.controllers'));
}

/** Mount points of the hierarchies with controllers; with `named`, those without too (crun makes groups there). */
function hierarchies(options: { readonly named: boolean } = { named: false }): string[] {
  if (isUnified()) return [mountPoint];
  const lines = readFileSync('/proc/mounts', 'utf8').split('\n');
  // What is mounted over another counts: a file called cgroup.procs in an empty directory is none.
  const visible = new Map(lines.map((line) => line.split(' ')).map((fields) => [fields[1], fields]));
  const mounts = [...visible.values()].filter((fields) => /^cgroup2?$/.test(fields[2] ?? ''));
  const wanted = mounts.filter((fields) => options.named || !(fields[3] ?? '').includes('name='));
  return wanted.map((fields) => fields[1] ?? '');
}

/** Makes the group in every hierarchy. A new v1 cpuset is useless until it has cpus and mems. */
export function createCgroup(path: string, limits: { readonly memoryBytes?: number } = {}): void {
  for (const hierarchy of hierarchies()) {
    let directory = hierarchy;
    for (const part of path.split('/').filter((name) => name !== '')) {
      if (isUnified()) enableControllers(directory);
      const parent = directory;
      directory = join(directory, part);
      mkdirSync(directory, { recursive: true });
      inheritCpuset(parent, directory);
    }
    if (limits.memoryBytes === undefined) continue;
    for (const file of ['memory.limit_in_bytes', 'memory.max']) {
      if (existsSync(join(directory, file))) writeFileSync(join(directory, file), String(limits.memoryBytes));
    }
  }
}

function enableControllers(directory: string): void {
  const available = readFileSync(join(directory, 'cgroup.controllers'), 'utf8').trim().split(' ');
  const wanted = v2Controllers.filter((name) => available.includes(name)).map((name) => `+${name}`);
  if (wanted.length > 0) writeFileSync(join(directory, 'cgroup.subtree_control'), wanted.join(' '));
}

function inheritCpuset(parent: string, directory: string): void {
  for (const name of ['cpuset.cpus', 'cpuset.mems']) {
    const file = join(directory, name);
    if (isUnified() || !existsSync(file) || readFileSync(file, 'utf8').trim() !== '') continue;
    writeFileSync(file, readFileSync(join(parent, name), 'utf8').trim());
  }
}

/** A shell line by which a process enters the group before it becomes something else. */
export function enterCgroupScript(path: string): string {
  const leaf = isUnified() ? '/init' : '';
  return hierarchies()
    .map(
      (hierarchy) => `mkdir -p ${hierarchy}${path}${leaf}; echo $$ > ${hierarchy}${path}${leaf}/cgroup.procs`,
    )
    .join('\n');
}

/** Every process in the group and below it, in any hierarchy. */
export function processesIn(path: string): number[] {
  const found = new Set<number>();
  for (const hierarchy of hierarchies()) collectProcesses(join(hierarchy, path), found);
  return [...found];
}

function collectProcesses(directory: string, found: Set<number>): void {
  for (const child of childrenOf(directory)) collectProcesses(child, found);
  for (const line of readOrEmpty(join(directory, 'cgroup.procs')).split('\n'))
    if (line !== '') found.add(Number(line));
}

function childrenOf(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(directory, entry.name));
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    // The group or process went away between listing and reading.
    if (['ENOENT', 'ENODEV', 'ESRCH'].includes(codeOf(error) ?? '')) return '';
    throw error;
  }
}

/** Like `processesIn`, but also those that are dead and not yet reaped: they are still in the process table. */
export function processTableOf(path: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => readOrEmpty(`/proc/${pid}/cgroup`).includes(`${path}/`)).map(Number);
}

/** Removes the empty group and all below it, deepest first. @returns the directories that are still in use. */
export function removeCgroup(path: string): string[] {
  return hierarchies({ named: true }).flatMap((hierarchy) => removeTree(join(hierarchy, path)));
}

function removeTree(directory: string): string[] {
  const busy = childrenOf(directory).flatMap(removeTree);
  if (busy.length > 0 || !existsSync(directory)) return busy;
  try {
    rmdirSync(directory);
    return [];
  } catch (error) {
    // EBUSY: a process that was killed is not reaped yet; the caller waits and asks again.
    if (codeOf(error) === 'EBUSY') return [directory];
    throw error;
  }
}

/** Removes `/coracle` itself once no cluster has a group below it. */
export function removeSharedCgroup(): void {
  for (const hierarchy of hierarchies({ named: true })) {
    const shared = join(hierarchy, '/coracle');
    if (childrenOf(shared).length === 0) removeTree(shared);
  }
}
