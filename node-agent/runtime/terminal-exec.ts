import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { codeOf } from '../../base/invariant.ts';
import { runCommand } from './command.ts';
import type { ExecSession } from './runtime.ts';

/**
 * A command with a terminal. crun makes the pseudo-terminal inside the container and carries bytes between it and its
 * own pipes. Its size is set from outside: `stty` opens the terminal through the command's own descriptor, which leads
 * to it whatever mount namespace it lies in.
 */
export function startTerminalExec(options: {
  readonly crunPath: string;
  readonly args: readonly string[];
  readonly pidFile: string;
  readonly stdin: boolean;
  readonly kill: () => void;
}): ExecSession {
  const child = spawn(options.crunPath, options.args, {
    stdio: [options.stdin ? 'pipe' : 'ignore', 'pipe', 'ignore'],
  });
  const { stdin, stdout } = child;
  if (stdout === null) throw new Error('exec without a pipe');
  // EPIPE: the command has ended; its exit code says how it went.
  stdin?.on('error', () => undefined);
  const exit = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 137));
  });
  const resize = (rows: number, columns: number): void => {
    void resizeTerminalOf(options.pidFile, rows, columns);
  };
  return { stdin: stdin ?? undefined, stdout, stderr: undefined, resize, exit, kill: options.kill };
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
