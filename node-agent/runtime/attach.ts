/**
 * Attaching to a container's main process. conmon offers its streams on a SOCK_SEQPACKET socket, which Node cannot
 * open: socat carries them over, and its hexadecimal report keeps the packets apart.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { PassThrough, type Readable } from 'node:stream';
import type { Logger } from '../../base/logger.ts';
import { AttachPacketReader } from './attach-packets.ts';
import { resizeTerminal } from './conmon-control.ts';
import type { ContainerRecord } from './container-record.ts';
import { RuntimeError } from './errors.ts';
import type { ExecSession } from './runtime.ts';

/** conmon's packets: one byte of stream and at most this much of content. */
const packetBytes = 8192 + 1;
const seqPacketType = 5;
const endlessSeconds = String(10 * 365 * 24 * 60 * 60);
/** A container may live for ever; the wait for its end is renewed in pieces that a timer can hold. */
const endPollMs = 24 * 60 * 60 * 1000;

export interface ContainerEndView {
  readonly logger: Logger;
  readonly ended: (timeoutMs: number) => Promise<boolean>;
  readonly exitCode: () => number | undefined;
}

export async function attachToContainer(
  record: ContainerRecord,
  bundleDir: string,
  request: { readonly stdin: boolean; readonly tty: boolean },
  end: ContainerEndView,
): Promise<ExecSession> {
  if (record.state !== 'running') {
    throw new RuntimeError('CONTAINER_NOT_RUNNING', `container ${record.id} is ${record.state}`);
  }
  if (request.stdin && !record.stdin) {
    throw new RuntimeError('CONTAINER_NO_STDIN', `container ${record.name} was created without stdin`);
  }
  const address = `UNIX-CONNECT:${bundleDir}/attach,type=${seqPacketType}`;
  // -t: after our end of input socat waits this long for more from the container, that is: for ever.
  const args = ['-x', '-t', endlessSeconds, '-b', String(packetBytes), 'STDIO', address];
  const child = spawn('socat', args, { stdio: ['pipe', 'ignore', 'pipe'] });
  // EPIPE: the container has ended, which the exit tells.
  child.stdin.on('error', () => undefined);
  const { stdout, stderr } = separate(child.stderr, record.tty);
  return {
    stdin: request.stdin ? child.stdin : undefined,
    stdout,
    stderr,
    resize: (rows, columns) => {
      // conmon is gone with its container.
      resizeTerminal(bundleDir, rows, columns).catch((error: unknown) =>
        end.logger.debug({ err: error, container: record.id }, 'resize an attached terminal'),
      );
    },
    exit: attachedExitCode(child, end),
    kill: () => child.kill(),
  };
}

function separate(
  report: Readable,
  tty: boolean,
): { readonly stdout: PassThrough; readonly stderr: PassThrough | undefined } {
  const stdout = new PassThrough();
  const stderr = tty ? undefined : new PassThrough();
  const reader = new AttachPacketReader();
  report.setEncoding('latin1');
  report.on('data', (chunk: string) => {
    for (const { stream, content } of reader.read(chunk)) {
      const target = stream === 'stderr' ? (stderr ?? stdout) : stdout;
      // A slow viewer slows the reading down; the container's log is conmon's, and goes on.
      if (target.write(content) || report.isPaused()) continue;
      report.pause();
      target.once('drain', () => report.resume());
    }
  });
  report.once('end', () => {
    stdout.end();
    stderr?.end();
  });
  return { stdout, stderr };
}

/**
 * Ends with the container, or when the client goes and socat with it. After the container's end socat has read all
 * there is when it sees the end of the socket; it then waits for its input, which ends here.
 */
async function attachedExitCode(child: ChildProcess, end: ContainerEndView): Promise<number> {
  const closed = new Promise<number>((resolve) => {
    child.once('error', () => resolve(0));
    child.once('close', () => resolve(0));
  });
  const ended = exitCodeOf(end).finally(() => child.stdin?.end());
  const code = await Promise.race([ended, closed]);
  return end.exitCode() ?? code;
}

async function exitCodeOf(end: ContainerEndView): Promise<number> {
  while (!(await end.ended(endPollMs)));
  return end.exitCode() ?? 0;
}
