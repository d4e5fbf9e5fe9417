import { spawn } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { secretHex } from '../../base/random.ts';
import { runCommand } from './command.ts';
import { CommandProcess } from './command-process.ts';
import { readSpec } from './container-bundle.ts';
import type { ContainerRecord } from './container-record.ts';
import { RuntimeError } from './errors.ts';
import type { OciProcess } from './oci-types.ts';
import type { ExecRequest, ExecResult, ExecSession } from './runtime.ts';
import { execScript, startTerminalExec, type TerminalExec } from './terminal-exec.ts';

export interface ExecFiles {
  readonly processFile: string;
  readonly pidFile: string;
  readonly scriptFile: string;
}

export interface ContainerExecDependencies {
  readonly crunPath: string;
  readonly crunRoot: string;
  readonly bundles: string;
  readonly clock: Clock;
  readonly logger: Logger;
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
    const result = runCommand(this.#deps.crunPath, this.#arguments(record, files));
    const running = this.#processOf(files, result);
    let timedOut = false;
    const timer = this.#deps.clock.setTimer(timeoutMs, () => {
      timedOut = true;
      running.kill();
    });
    try {
      return { ...(await result), timedOut };
    } finally {
      timer.cancel();
      await removeFiles(files);
    }
  }

  async start(record: ContainerRecord, request: ExecRequest): Promise<ExecSession> {
    const files = await this.#prepare(record, request);
    const args = this.#arguments(record, files);
    const session = request.tty ? await this.#startTerminal(args, files) : this.#startPiped(args, request);
    const running = this.#processOf(files, session.exit);
    return {
      stderr: undefined,
      ...session,
      stdin: request.stdin ? session.stdin : undefined,
      exit: thenRemove(session.exit, files),
      resize: (rows, columns) => {
        if (request.tty) running.resize(rows, columns);
      },
      kill: () => running.kill(),
    };
  }

  #processOf({ pidFile }: ExecFiles, exit: Promise<unknown>): CommandProcess {
    const { clock, logger } = this.#deps;
    return new CommandProcess({ pidFile, clock, logger, exit });
  }

  async #startTerminal(args: readonly string[], { scriptFile }: ExecFiles): Promise<TerminalExec> {
    await writeFile(scriptFile, execScript([this.#deps.crunPath, ...args]));
    return startTerminalExec(scriptFile);
  }

  #startPiped(
    args: readonly string[],
    request: ExecRequest,
  ): Pick<ExecSession, 'stdin' | 'stdout' | 'stderr' | 'exit'> {
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
    return { stdin: stdin ?? undefined, stdout, stderr, exit };
  }

  async #prepare(record: ContainerRecord, request: ExecRequest): Promise<ExecFiles> {
    if (record.state !== 'running') {
      throw new RuntimeError('CONTAINER_NOT_RUNNING', `container ${record.id} is ${record.state}`);
    }
    const bundleDir = `${this.#deps.bundles}/${record.id}`;
    const { process } = await readSpec(bundleDir);
    const name = `${bundleDir}/exec-${secretHex(6)}`;
    const files = { processFile: `${name}.json`, pidFile: `${name}.pid`, scriptFile: `${name}.sh` };
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
  const { size } = request;
  const hasTerm = process.env.some((entry) => entry.startsWith('TERM='));
  return {
    ...process,
    args: request.command,
    terminal: request.tty,
    ...(size === undefined ? {} : { consoleSize: { height: size.rows, width: size.columns } }),
    env: request.tty && !hasTerm ? [...process.env, 'TERM=xterm'] : process.env,
  };
}

async function thenRemove(exit: Promise<number>, files: ExecFiles): Promise<number> {
  try {
    return await exit;
  } finally {
    await removeFiles(files);
  }
}

async function removeFiles(files: ExecFiles): Promise<void> {
  const paths = [files.processFile, files.pidFile, files.scriptFile];
  await Promise.all(paths.map((path) => rm(path, { force: true })));
}
