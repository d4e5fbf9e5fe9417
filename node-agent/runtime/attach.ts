/**
 * Attaching to a container's main process. conmon offers its streams on a SOCK_SEQPACKET socket, which Node cannot
 * open: socat carries them over. Each packet from conmon begins with a byte that names the stream (2 stdout, 3 stderr),
 * and socat keeps no packet borders, so a container without a terminal is attached to with one socat whose reads are
 * whole packets written at once.
 */
import { spawn } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { resizeTerminal } from './conmon-control.ts';
import type { ContainerRecord } from './container-record.ts';
import { RuntimeError } from './errors.ts';
import type { ExecSession } from './runtime.ts';

/** conmon's packets: one byte of stream and at most this much of content. */
const packetBytes = 8192 + 1;
const seqPacketType = 5;
const stderrPacket = 3;
/** A container may live for ever; the wait for its end is renewed in pieces that a timer can hold. */
const endPollMs = 24 * 60 * 60 * 1000;

export interface ContainerEndView {
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
  const child = spawn('socat', ['-t', '1', '-b', String(packetBytes), 'STDIO', address], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const stdout = new PassThrough();
  const stderr = record.tty ? undefined : new PassThrough();
  child.stdin.on('error', () => undefined);
  child.stdout.on('data', (packet: Buffer) => {
    const stream = packet[0] === stderrPacket && stderr !== undefined ? stderr : stdout;
    stream.write(packet.subarray(1));
  });
  child.stdout.once('end', () => {
    stdout.end();
    stderr?.end();
  });
  if (!request.stdin) child.stdin.end();
  return {
    stdin: request.stdin ? child.stdin : undefined,
    stdout,
    stderr,
    resize: (rows, columns) => {
      void resizeTerminal(bundleDir, rows, columns);
    },
    exit: exitCodeOf(end),
    kill: () => child.kill(),
  };
}

async function exitCodeOf(end: ContainerEndView): Promise<number> {
  while (!(await end.ended(endPollMs)));
  return end.exitCode() ?? 0;
}
