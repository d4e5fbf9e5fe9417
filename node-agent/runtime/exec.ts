import { spawn } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import type { Clock } from '../../base/clock.ts';
import { codeOf } from '../../base/invariant.ts';
import { secretHex } from '../../base/random.ts';
import { runCommand } from './command.ts';
import { readSpec } from './container-bundle.ts';
import type { ContainerRecord } from './container-record.ts';
import { RuntimeError } from './errors.ts';
import type { OciProcess } from './oci-types.ts';
import type { ExecRequest, ExecResult, ExecSession } from './runtime.ts';
import { startTerminalExec } from './terminal-exec.ts';

export interface ExecFiles {
  readonly processFile: string;
  readonly pidFile: string;
}

export interface ContainerExecDependencies {
  readonly crunPath: string;
  readonly crunRoot: string;
  readonly bundles: string;
  readonly clock: Clock;
}

/** Commands in running containers, through `crun exec`: as the container's user, with its environment and limits. */
export class ContainerExec {
  readonly #deps: ContainerExecDependencies;

  constructor(deps: ContainerExecDependencies) {
    this.#deps = deps;
  }

  async runToEnd(
    record: ContainerRecord,
    command: readonly string[],
    timeoutMs: number,
  ): Promise<ExecResult> {
    const files = await this.#prepare(record, { command, stdin: false, tty: false });
    // Killing crun alone would leave the command behind, so the command is killed and crun ends with it.
    let timedOut = false;
    const timer = this.#deps.clock.setTimer(timeoutMs, () => {
      timedOut = true;
      void killCommand(files.pidFile);
    });
    try {
      const result = await runCommand(this.#deps.crunPath, this.#arguments(record, files));
      return { ...result, timedOut };
    } finally {
      timer.cancel();
      await removeFiles(files);
    }
  }

  async start(record: ContainerRecord, request: ExecRequest): Promise<ExecSession> {
    const files = await this.#prepare(record, request);
    const args = this.#arguments(record, files);
    const kill = (): void => void killCommand(files.pidFile);
    const session = request.tty
      ? startTerminalExec({ ...files, crunPath: this.#deps.crunPath, args, stdin: request.stdin, kill })
      : this.#startPiped(args, request, kill);
    return { ...session, exit: thenRemove(session.exit, files) };
  }

  #startPiped(args: readonly string[], request: ExecRequest, kill: () => void): ExecSession {
    const child = spawn(this.#deps.crunPath, args, {
      stdio: [request.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    });
    const { stdin, stdout, stderr } = child;
    if (stdout === null || stderr === null) throw new Error('exec without pipes');
    // EPIPE: the command has ended or closed its input; its exit code says how it went.
    stdin?.on('error', () => undefined);
    const exit = new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? 137));
    });
    return { stdin: stdin ?? undefined, stdout, stderr, resize: () => undefined, exit, kill };
  }

  async #prepare(record: ContainerRecord, request: ExecRequest): Promise<ExecFiles> {
    if (record.state !== 'running') {
      throw new RuntimeError('CONTAINER_NOT_RUNNING', `container ${record.id} is ${record.state}`);
    }
    const bundleDir = `${this.#deps.bundles}/${record.id}`;
    const { process } = await readSpec(bundleDir);
    const name = `${bundleDir}/exec-${secretHex(6)}`;
    const files = { processFile: `${name}.json`, pidFile: `${name}.pid` };
    await writeFile(files.processFile, JSON.stringify(execProcess(process, request)));
    return files;
  }

  #arguments(record: ContainerRecord, files: ExecFiles): string[] {
    return [
      `--root=${this.#deps.crunRoot}`,
      '--cgroup-manager=cgroupfs',
      'exec',
      `--process=${files.processFile}`,
      `--pid-file=${files.pidFile}`,
      record.id,
    ];
  }
}

/** The container's process with another command. */
export function execProcess(process: OciProcess, request: ExecRequest): OciProcess {
  const hasTerm = process.env.some((entry) => entry.startsWith('TERM='));
  return {
    ...process,
    args: request.command,
    terminal: request.tty,
    env: request.tty && !hasTerm ? [...process.env, 'TERM=xterm'] : process.env,
  };
}

async function killCommand(pidFile: string): Promise<void> {
  try {
    process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL');
  } catch (error) {
    // Not started yet or ended already.
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ESRCH') throw error;
  }
}

async function thenRemove(exit: Promise<number>, files: ExecFiles): Promise<number> {
  try {
    return await exit;
  } finally {
    await removeFiles(files);
  }
}

async function removeFiles(files: ExecFiles): Promise<void> {
  await rm(files.processFile, { force: true });
  await rm(files.pidFile, { force: true });
}
