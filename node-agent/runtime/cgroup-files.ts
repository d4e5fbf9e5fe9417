import { readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { type Clock, delay } from '../../base/clock.ts';
import { codeOf } from '../../base/invariant.ts';

/** A group that is killed must be empty within this time: processes in uninterruptible sleep take a while. */
const killDeadlineMs = 10_000;
const killPollMs = 5;

/** Reads a small kernel file; undefined when it or its group is gone. */
export async function readKernelFile(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Writes one value into a kernel file. @throws with the file's name, which the kernel's error does not have. */
export async function writeKernelFile(path: string, value: string): Promise<void> {
  try {
    await writeFile(path, value);
  } catch (error) {
    throw new Error(`write ${value} to ${path}`, { cause: error });
  }
}

/** The value of `key` in a file of `key value` lines. */
export function flatValue(text: string | undefined, key: string): number {
  const line = text?.split('\n').find((candidate) => candidate.startsWith(`${key} `));
  return line === undefined ? 0 : Number(line.slice(key.length + 1));
}

export async function childGroups(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => `${directory}/${entry.name}`);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** Processes of a group and all below it. */
export async function pidsBelow(directory: string): Promise<number[]> {
  const own = (await readKernelFile(`${directory}/cgroup.procs`)) ?? '';
  const below = await Promise.all((await childGroups(directory)).map(pidsBelow));
  return [...own.split('\n').filter(Boolean).map(Number), ...below.flat()];
}

/** Removes a tree of groups. The kernel keeps a group busy until its last dead process is reaped, so it tries again. */
export async function removeGroups(directory: string, clock: Clock): Promise<void> {
  for (const child of await childGroups(directory)) await removeGroups(child, clock);
  const deadline = clock.monotonicMs() + killDeadlineMs;
  for (;;) {
    try {
      return await rmdir(directory);
    } catch (error) {
      if (isGone(error)) return;
      if (codeOf(error) !== 'EBUSY' || clock.monotonicMs() > deadline) {
        throw new Error(`remove cgroup ${directory}`, { cause: error });
      }
      await delay(clock, killPollMs);
    }
  }
}

/** Calls `kill` until the group is empty: what forks meanwhile is met in the next round. */
export async function killUntilEmpty(
  directory: string,
  clock: Clock,
  kill: (pids: readonly number[]) => Promise<void>,
): Promise<void> {
  const deadline = clock.monotonicMs() + killDeadlineMs;
  for (;;) {
    const pids = await pidsBelow(directory);
    if (pids.length === 0) return;
    if (clock.monotonicMs() > deadline)
      throw new Error(`kill cgroup ${directory}: ${pids.length} processes remain`);
    await kill(pids);
    await delay(clock, killPollMs);
  }
}

/** SIGKILL to each; one that has ended already is what we want. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (codeOf(error) !== 'ESRCH') throw error;
    }
  }
}

/** ENODEV: the group was removed while its file was open. */
export function isGone(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENODEV';
}
