import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { codeOf } from '../../base/invariant.ts';
import { runCommand } from './command.ts';
import type { ExecSession } from './runtime.ts';

const endlessSeconds = String(10 * 365 * 24 * 60 * 60);
const keptReportLength = 4096;
const killedExitCode = 137;

/**
 * A command with a terminal. crun makes the pseudo-terminal inside the container and carries bytes between it and its
 * own standard input, which must be a terminal too: socat gives it one, raw, so that nothing is done to the bytes twice.
 * The size is set from outside: `stty` opens the inner terminal through the command's own descriptor, which leads to it
 * whatever mount namespace it lies in.
 */
export function startTerminalExec(options: {
  readonly crunPath: string;
  readonly args: readonly string[];
  readonly pidFile: string;
  readonly stdin: boolean;
  readonly kill: () => void;
}): ExecSession {
  const args = ['-t', endlessSeconds, 'STDIO', socatAddress([options.crunPath, ...options.args])];
  // Without input the pipe is kept open and unused: at its end socat would hang up the terminal.
  const child = spawn('socat', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  // EPIPE: the command has ended; its exit code says how it went.
  child.stdin.on('error', () => undefined);
  let report = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (chunk: string) => {
    report = (report + chunk).slice(-keptReportLength);
  });
  const exit = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(commandExitCode(code, report)));
  });
  const resize = (rows: number, columns: number): void => {
    void resizeTerminalOf(options.pidFile, rows, columns);
  };
  const { stdin, stdout } = child;
  return {
    stdin: options.stdin ? stdin : undefined,
    stdout,
    stderr: undefined,
    resize,
    exit,
    kill: options.kill,
  };
}

/** @throws Error when an argument has a character that means something to socat or needs quoting. */
export function socatAddress(command: readonly string[]): string {
  for (const word of command) {
    if (!/^[\w./=@+-]+$/.test(word)) throw new Error(`terminal exec: argument ${JSON.stringify(word)}`);
  }
  return `EXEC:${command.join(' ')},pty,setsid,ctty,raw,echo=0`;
}

/** socat ends with 1 when its command fails, and says how in words. */
export function commandExitCode(socatCode: number | null, report: string): number {
  const status = /exited with status (\d+)/.exec(report)?.[1];
  if (status !== undefined) return Number(status);
  return socatCode ?? killedExitCode;
}

async function resizeTerminalOf(pidFile: string, rows: number, columns: number): Promise<void> {
  try {
    const pid = Number(await readFile(pidFile, 'utf8'));
    await runCommand('stty', ['-F', `/proc/${pid}/fd/0`, 'rows', String(rows), 'cols', String(columns)]);
  } catch (error) {
    // The command has not started yet or has ended: a size is sent again whenever it changes.
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
