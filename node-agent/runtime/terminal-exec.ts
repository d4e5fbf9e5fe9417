import { spawn } from 'node:child_process';
import { Writable } from 'node:stream';

/** What socat waits for its input after the command's terminal has closed. Output has been passed on by then. */
const lingerSeconds = '0.05';
const keptReportLength = 4096;
const killedExitCode = 137;

export interface TerminalExec {
  readonly stdin: Writable;
  readonly stdout: NodeJS.ReadableStream;
  readonly exit: Promise<number>;
}

/**
 * A command with a terminal. crun makes the pseudo-terminal inside the container and carries bytes between it and its
 * own standard input, which must be a terminal too: socat gives it one, raw, so that nothing is done to the bytes twice.
 * The end of the client's input is no event for a terminal (a user types ^D), and must not reach socat, which would hang
 * up: so socat only ever sees the terminal's end, and ends soon after it although its input stays open.
 */
export function startTerminalExec(crunPath: string, crunArguments: readonly string[]): TerminalExec {
  const args = ['-t', lingerSeconds, 'STDIO', socatAddress([crunPath, ...crunArguments])];
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
  return { stdin: withoutEnd(child.stdin), stdout: child.stdout, exit };
}

function withoutEnd(target: Writable): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      // An error is the end of the command, which its exit tells of.
      target.write(chunk, () => done());
    },
  });
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
