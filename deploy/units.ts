/**
 * One file per process that must run: `units/<part>-<n>.json`. Writing a file asks the supervisor to start it, removing
 * the file to stop it; so the commands and the supervisor need no other channel, and either may die at any time.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../base/invariant.ts';
import type { Layout } from './layout.ts';

export interface Unit {
  /** `<part>-<n>`: names the pid and log files. */
  readonly name: string;
  /** Program and arguments, absolute paths. */
  readonly command: readonly string[];
  /** cgroup that the process enters before it becomes the program. */
  readonly cgroup: string;
  /** Process in whose namespaces it runs (the init of a simulated host); the machine's when left out. */
  readonly namespacesOf?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

const suffix = '.json';
const fileOf = (layout: Layout, name: string): string => join(layout.units, `${name}${suffix}`);

/** Atomic, so that the supervisor never sees half a unit. */
export function writeUnit(layout: Layout, unit: Unit): void {
  const file = fileOf(layout, unit.name);
  writeFileSync(`${file}.new`, JSON.stringify(unit));
  renameSync(`${file}.new`, file);
}

export function removeUnit(layout: Layout, name: string): void {
  rmSync(fileOf(layout, name), { force: true });
}

export function readUnits(layout: Layout): Map<string, Unit> {
  const units = new Map<string, Unit>();
  if (!existsSync(layout.units)) return units;
  for (const file of readdirSync(layout.units)) {
    if (!file.endsWith(suffix)) continue;
    const unit = readUnit(join(layout.units, file));
    if (unit !== undefined) units.set(unit.name, unit);
  }
  return units;
}

/** Undefined for one that was removed since the folder was read: units of a host go one after the other. */
function readUnit(file: string): Unit | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Unit;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

export const pidFile = (layout: Layout, name: string): string => join(layout.run, `${name}.pid`);
export const logFile = (layout: Layout, name: string): string => join(layout.logs, `${name}.log`);

/** Beside the pid file, which holds the bare number: when that process began, so that a reused pid is told apart. */
export const startFile = (layout: Layout, name: string): string => join(layout.run, `.${name}.start`);

export function recordPid(layout: Layout, name: string, pid: number): void {
  mkdirSync(layout.run, { recursive: true });
  writeFileSync(startFile(layout, name), processStartTime(pid) ?? '');
  writeFileSync(pidFile(layout, name), `${pid}\n`);
}

export function forgetPid(layout: Layout, name: string): void {
  rmSync(pidFile(layout, name), { force: true });
  rmSync(startFile(layout, name), { force: true });
}

/** The recorded pid, if that process is alive. */
export function runningPid(layout: Layout, name: string): number | undefined {
  if (!existsSync(pidFile(layout, name)) || !existsSync(startFile(layout, name))) return undefined;
  const pid = Number(readFileSync(pidFile(layout, name), 'utf8').trim());
  const startTime = processStartTime(pid);
  return startTime !== undefined && startTime === readFileSync(startFile(layout, name), 'utf8')
    ? pid
    : undefined;
}

/** When the unit's process was started, in ms since the epoch. Infinity: it does not run. */
export function startedAtMs(layout: Layout, name: string): number {
  return runningPid(layout, name) === undefined
    ? Number.POSITIVE_INFINITY
    : statSync(pidFile(layout, name)).mtimeMs;
}

/** Clock ticks since boot at which a process began: with the pid it names a process for good. Undefined: gone or a zombie. */
export function processStartTime(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined; // ENOENT, ESRCH: no such process.
  }
}

/** A line of the stack that follows a Go program's panic: the cause stands above it. */
const stackLine = /^(?:\t|goroutine \d+ |\[signal |[\w./*()]+\(.*\)$)/;

/** The last `count` lines of a unit's log, for error messages. */
export function lastLogLines(layout: Layout, name: string, count: number): string {
  const file = logFile(layout, name);
  if (!existsSync(file)) return '(no log)';
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines
    .filter((line) => line !== '' && !stackLine.test(line))
    .slice(-count)
    .join('\n');
}
