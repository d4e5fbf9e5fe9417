import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock } from '../../base/clock.ts';

/** Output kept of each stream of a command; what comes after it is read and dropped. */
const keptOutputBytes = 64 * 1024;

export interface CommandOptions {
  /** Standard input, whole. */
  readonly input?: string | Buffer;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** With `clock`: SIGKILL to the command after this long. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
  readonly keptBytes?: number;
  /** `none` for a command that leaves a process behind: it would keep the pipes, and they would never end. */
  readonly output?: 'none';
}

export interface CommandResult {
  /** 128 + signal number when a signal ended it, as a shell reports it. */
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly timedOut: boolean;
}

/** A program that ran and reported a failure. Code `COMMAND_FAILED`. */
export class CommandError extends Error {
  readonly code = 'COMMAND_FAILED';
  readonly exitCode: number;
  readonly stderr: string;

  constructor(what: string, result: CommandResult) {
    const stderr = result.stderr.toString('utf8').trim();
    super(`${what}: exit code ${result.exitCode}${stderr === '' ? '' : `: ${stderr}`}`);
    this.exitCode = result.exitCode;
    this.stderr = stderr;
  }
}

/** Runs `file` to its end and gives what it said. @throws when it cannot be started. */
export function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const output = options.output === 'none' ? 'ignore' : 'pipe';
  const child = spawn(file, [...args], {
    stdio: [options.input === undefined ? 'ignore' : 'pipe', output, output],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  return collect(child, options);
}

/** As `runCommand`. @throws CommandError when the exit code is not 0. */
export async function mustRun(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const result = await runCommand(file, args, options);
  if (result.exitCode !== 0) throw new CommandError(`${file} ${args[0] ?? ''}`.trim(), result);
  return result;
}

function collect(child: ChildProcess, options: CommandOptions): Promise<CommandResult> {
  const limit = options.keptBytes ?? keptOutputBytes;
  const stdout = new KeptOutput(limit);
  const stderr = new KeptOutput(limit);
  child.stdout?.on('data', (chunk: Buffer) => stdout.add(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.add(chunk));
  if (options.input !== undefined) {
    // EPIPE: the command ended without reading its input, and its exit code says what there is to say.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input);
  }
  let timedOut = false;
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : options.clock?.setTimer(options.timeoutMs, () => {
          timedOut = true;
          child.kill('SIGKILL');
        });
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      timer?.cancel();
      reject(error);
    });
    child.once('close', (code, signal) => {
      timer?.cancel();
      resolve({
        exitCode: code ?? 128 + signalNumber(signal),
        stdout: stdout.bytes(),
        stderr: stderr.bytes(),
        timedOut,
      });
    });
  });
}

class KeptOutput {
  readonly #limit: number;
  readonly #chunks: Buffer[] = [];
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(chunk: Buffer): void {
    const kept = chunk.subarray(0, this.#limit - this.#length);
    if (kept.length === 0) return;
    this.#chunks.push(kept);
    this.#length += kept.length;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

const signalNumbers: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

function signalNumber(signal: string | null): number {
  return signalNumbers[signal ?? ''] ?? 0;
}
