import { spawn } from 'node:child_process';
import { PassThrough, type Readable, Writable } from 'node:stream';

/** What socat waits for its input after the command's terminal has closed. Output has been passed on by then. */
const lingerSeconds = '0.05';
/** More than a terminal holds, which is what crun may have left. */
const keptReportLength = 128 * 1024;
const killedExitCode = 137;
const statusFd = 3;

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
 *
 * socat stops at once, whatever it still has to pass on, when its command ends with another code than 0. So a shell
 * between the two always ends with 0, and tells the code through a pipe of its own.
 */
export function startTerminalExec(scriptFile: string): TerminalExec {
  const child = spawn('socat', ['-t', lingerSeconds, 'STDIO', terminalAddress(scriptFile)], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  // EPIPE: the command has ended; its exit code says how it went.
  child.stdin.on('error', () => undefined);
  const report = textOf(child.stderr);
  const status = textOf(child.stdio[statusFd] as Readable);
  const stdout = new PassThrough();
  child.stdout.pipe(stdout, { end: false });
  const exit = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => {
      stdout.end(Buffer.from(leftOutput(report()), 'latin1'));
      resolve(commandExitCode(status()));
    });
  });
  return { stdin: withoutEnd(child.stdin), stdout, exit };
}

function terminalAddress(scriptFile: string): string {
  requirePlain(scriptFile);
  return `EXEC:sh ${scriptFile},pty,setsid,ctty,raw,echo=0`;
}

/**
 * What the command wrote last, when it has ended before crun has read it: crun writes it to its standard error then, in
 * pieces that look like lines of its log, or as it is. Its own complaints come the same way.
 */
export function leftOutput(report: string): string {
  const own = report.replace(/^\d{4}\/\d\d\/\d\d [\d:]+ socat\[\d+\].*\n/gm, '');
  const [plain = '', ...logged] = own.split(/(?:^|\n)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z: /);
  const pieces = plain === '' ? logged : [plain, ...logged];
  return pieces
    .map((piece, index) => (index === pieces.length - 1 ? piece.replace(/\n$/, '') : piece))
    .join('');
}

function textOf(pipe: Readable): () => string {
  let text = '';
  pipe.setEncoding('latin1');
  pipe.on('data', (chunk: string) => {
    text = (text + chunk).slice(-keptReportLength);
  });
  return () => text;
}

function withoutEnd(target: Writable): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      // An error is the end of the command, which its exit tells of.
      target.write(chunk, () => done());
    },
  });
}

/** What the shell runs. @throws Error when an argument has a character that means something to a shell. */
export function execScript(command: readonly string[]): string {
  for (const word of command) requirePlain(word);
  return `${command.join(' ')} ${statusFd}>&-\necho $? >&${statusFd}\n`;
}

function requirePlain(word: string): void {
  if (!/^[\w./=@+-]+$/.test(word)) throw new Error(`terminal exec: argument ${JSON.stringify(word)}`);
}

/** Nothing is told when the shell itself was killed. */
export function commandExitCode(told: string): number {
  const code = told.trim();
  return /^\d+$/.test(code) ? Number(code) : killedExitCode;
}
