import { execFile } from 'node:child_process';
import { messageOf } from '../base/invariant.ts';

/** A system command that ended badly. `stderr` is its last words. */
export class CommandError extends Error {
  readonly code = 'COMMAND';
  readonly stderr: string;

  constructor(command: string, stderr: string, cause: unknown) {
    super(`${command}: ${stderr.trim().split('\n').slice(-3).join('; ') || messageOf(cause)}`, { cause });
    this.stderr = stderr;
  }
}

/** Runs a system command to its end and gives its standard output. @throws CommandError when it ends other than 0. */
export function runCommand(file: string, args: readonly string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      file,
      [...args],
      { maxBuffer: 64 << 20, encoding: 'utf8' },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new CommandError([file, ...args].join(' '), stderr, error));
      },
    );
    child.stdin?.on('error', () => undefined); // EPIPE: the command ended before it read all; its exit status tells.
    child.stdin?.end(input);
  });
}

/** Like `runCommand`, but undefined when the command fails: for removing what may not be there. */
export function tryCommand(file: string, args: readonly string[]): Promise<string | undefined> {
  return runCommand(file, args).catch(() => undefined);
}
