import { spawn } from 'node:child_process';
import type { PortConnection } from './runtime.ts';

/** How long one direction may go on alone after the other has ended, without a byte. */
const lingerSeconds = '60';
const bufferBytes = '65536';
const keptReportLength = 1024;

/**
 * A connection to a port on a pod's loopback, made inside its network namespace: what listens there only is reached too.
 * Node cannot enter a namespace, so nsenter and socat do. IPv4 first, as the CRI implementations do.
 */
export function connectPort(netnsPath: string | undefined, port: number): PortConnection {
  const socat = ['socat', '-b', bufferBytes, '-t', lingerSeconds, 'STDIO'];
  const enter = netnsPath === undefined ? [] : ['nsenter', `--net=${netnsPath}`];
  const [file = '', ...args] = [...enter, ...socat, `TCP4:127.0.0.1:${port}`];
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  // EPIPE: the connection has ended, which its end tells.
  child.stdin.on('error', () => undefined);
  let report = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (chunk: string) => {
    report = (report + chunk).slice(-keptReportLength);
  });
  const end = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => resolve(code === 0 || code === null ? undefined : reason(port, report)));
  });
  return { input: child.stdin, output: child.stdout, end, close: () => void child.kill() };
}

/** Why there is no connection, in the words of the CRI implementations. */
function reason(port: number, report: string): string {
  const line = report.trim().split('\n').at(-1) ?? '';
  const words = line.replace(/^.*socat\[\d+\] \w /, '');
  const failure = /connect\(.*\): (.+)$/.exec(words)?.[1];
  return failure === undefined ? words : `dial tcp4 127.0.0.1:${port}: connect: ${failure.toLowerCase()}`;
}
