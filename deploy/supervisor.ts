/**
 * Keeps the cluster's processes running: starts what has a unit, starts it again when it ends, stops what has lost its
 * unit. It holds no state of its own: a supervisor that was killed is replaced by `up`, and the new one takes over the
 * processes that still run, by their pid files.
 *
 * A process in a host's namespaces is started through nsenter, whose command line must not carry the program's name (people
 * look for processes by it), so what to run goes into a script that nsenter is given.
 *
 * INVARIANTS: at most one live process per unit; a pid file names a live process or one that has just ended.
 */
import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type BackoffPolicy, backoffMs } from '../base/backoff.ts';
import { type Clock, delay } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { enterCgroupScript } from './cgroups.ts';
import type { Layout } from './layout.ts';
import {
  forgetPid,
  logFile,
  pidFile,
  processStartTime,
  readUnits,
  recordPid,
  runningPid,
  startFile,
  type Unit,
} from './units.ts';

const restartPolicy: BackoffPolicy = { initialMs: 50, maxMs: 5_000, factor: 2, jitter: 0.1 };
/** A process that ran this long counts as healthy: its next restart is immediate. */
const healthyAfterMs = 10_000;
/** How often an adopted process, which is nobody's child, is looked at. */
const adoptedPollMs = 100;
/** A unit's TERM becomes KILL after this long. */
const stopGraceMs = 3_000;

interface Worker {
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

export interface SupervisorOptions {
  readonly layout: Layout;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #workers = new Map<string, Worker>();

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Until `signal` aborts; then every unit's process is stopped. */
  async run(signal: AbortSignal): Promise<void> {
    const { layout } = this.#options;
    const watcher = watch(layout.units, () => this.#sync());
    signal.addEventListener('abort', () => watcher.close(), { once: true });
    this.#sync();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    for (const worker of this.#workers.values()) worker.abort.abort();
    await Promise.all([...this.#workers.values()].map((worker) => worker.done));
  }

  #sync(): void {
    const units = readUnits(this.#options.layout);
    for (const [name, unit] of units) if (!this.#workers.has(name)) this.#startWorker(unit);
    for (const [name, worker] of this.#workers) if (!units.has(name)) worker.abort.abort();
  }

  #startWorker(unit: Unit): void {
    const abort = new AbortController();
    const done = this.#keepRunning(unit, abort.signal).finally(() => {
      this.#workers.delete(unit.name);
      // A unit that was removed and written again while its process was ending.
      if (!abort.signal.aborted || readUnits(this.#options.layout).has(unit.name)) this.#sync();
    });
    this.#workers.set(unit.name, { abort, done });
  }

  async #keepRunning(unit: Unit, signal: AbortSignal): Promise<void> {
    const { clock, random, layout, logger } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const startedMs = clock.monotonicMs();
      const adopted = runningPid(layout, unit.name);
      const exit =
        adopted === undefined ? await this.#runOnce(unit, signal) : await this.#follow(adopted, signal);
      if (signal.aborted) break;
      failures = clock.monotonicMs() - startedMs > healthyAfterMs ? 0 : failures + 1;
      logger.warn({ unit: unit.name, exit, failures }, 'process ended; starting it again');
      if (failures > 1) await delay(clock, backoffMs(restartPolicy, failures - 2, random), signal);
    }
    forgetPid(layout, unit.name);
  }

  /** Starts the process and resolves when it has ended. */
  #runOnce(unit: Unit, signal: AbortSignal): Promise<string> {
    const { layout, clock } = this.#options;
    const log = openSync(logFile(layout, unit.name), 'a');
    const script = scriptOf(layout, unit);
    const command =
      unit.namespacesOf === undefined ? ['sh', script] : enterNamespaces(unit.namespacesOf, script);
    const child = spawn(command[0] ?? 'sh', command.slice(1), {
      stdio: ['ignore', log, log],
      detached: true,
      cwd: '/',
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...unit.environment },
    });
    closeSync(log);
    return new Promise((resolve) => {
      const stop = (): void => stopProcess(clock, this.#pidOf(unit, child.pid ?? -1));
      child.once('spawn', () => this.#recordPid(unit, child.pid ?? -1));
      signal.addEventListener('abort', stop, { once: true });
      const finish = (exit: string): void => {
        signal.removeEventListener('abort', stop);
        resolve(exit);
      };
      child.once('error', (error) => finish(error.message));
      child.once('exit', (code, killedBy) => finish(killedBy ?? String(code)));
    });
  }

  /** A machine process is the child itself; one in a host is the shell's child, which appears a moment later. */
  #recordPid(unit: Unit, child: number): void {
    const { layout, clock } = this.#options;
    const pid = this.#pidOf(unit, child);
    if (pid !== undefined) recordPid(layout, unit.name, pid);
    else if (processStartTime(child) !== undefined) clock.setTimer(5, () => this.#recordPid(unit, child));
  }

  #pidOf(unit: Unit, child: number): number | undefined {
    if (unit.namespacesOf === undefined) return child;
    const file = startedFile(this.#options.layout, unit);
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    return text.endsWith('\n') ? Number(text) : undefined;
  }

  async #follow(pid: number, signal: AbortSignal): Promise<string> {
    const { clock } = this.#options;
    const startTime = processStartTime(pid);
    while (processStartTime(pid) === startTime && startTime !== undefined) {
      if (signal.aborted) stopProcess(clock, pid);
      await delay(clock, adoptedPollMs);
    }
    return 'unknown (adopted)';
  }
}

/**
 * `--no-fork`: a waiting nsenter would stop itself for good when its child is stopped, and reap nothing any more. So the
 * shell stays outside of the PID namespace that its children are born in, and waits for the program.
 */
function enterNamespaces(init: number, script: string): string[] {
  const namespaces = ['--mount', '--uts', '--ipc', '--net', '--pid'];
  return ['nsenter', `--target=${init}`, ...namespaces, '--no-fork', '--wd=/', 'sh', script];
}

const startedFile = (layout: Layout, unit: Unit): string => join(layout.run, `.${unit.name}.started`);

/** What `recordPid` writes, by the process itself: nobody's when the supervisor is killed right after it was started. */
function recordItself(layout: Layout, unit: Unit): string {
  const [start, pid] = [startFile(layout, unit.name), pidFile(layout, unit.name)];
  return `read -r stat < /proc/$$/stat\nset -- \${stat##*) }\nprintf %s "\${20}" > '${start}'\necho $$ > '${pid}'`;
}

/** On the machine `exec` keeps the pid; in a host the shell notes the pid of its child, as the machine counts it. */
function scriptOf(layout: Layout, unit: Unit): string {
  const script = join(layout.run, `${unit.name}.sh`);
  const quoted = unit.command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const started = startedFile(layout, unit);
  const run =
    unit.namespacesOf === undefined
      ? `${recordItself(layout, unit)}\nexec ${quoted}`
      : `${quoted} &\necho $! > '${started}'\nwait $!`;
  mkdirSync(layout.run, { recursive: true });
  rmSync(started, { force: true });
  writeFileSync(script, `${enterCgroupScript(unit.cgroup)}\n${run}\n`);
  return script;
}

/** TERM now, KILL after the grace period if it is still the same process. */
function stopProcess(clock: Clock, pid: number | undefined): void {
  if (pid === undefined) return;
  const startTime = processStartTime(pid);
  if (startTime === undefined) return;
  signalProcess(pid, 'SIGTERM');
  signalProcess(pid, 'SIGCONT');
  clock.setTimer(stopGraceMs, () => {
    if (processStartTime(pid) === startTime) signalProcess(pid, 'SIGKILL');
  });
}

/** @returns false when the process is gone, which is what whoever stops it wants. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false; // ESRCH
  }
}
