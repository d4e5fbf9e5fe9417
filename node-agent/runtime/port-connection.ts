import { spawn } from 'node:child_process';
import type { PortConnection } from './runtime.ts';

/** For an end of input that the other side does not answer with its own. */
const lingerSeconds = '60';
const keptReportLength = 1024;

/**
 * A connection to a port on a pod's loopback, made inside its network namespace: what listens there only is reached too.
 * Node cannot enter a namespace, so nsenter and socat do. IPv4 first, as the CRI implementations do.
 */
export function connectPort(netnsPath: string | undefined, port: number): PortConnection {
  const enter = netnsPath === undefined ? [] : ['nsenter', `--net=${netnsPath}`];
  const [file = '', ...args] = [...enter, 'socat', '-t', lingerSeconds, 'STDIO', `TCP4:127.0.0.1:${port}`];
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
    child.once('close', (code) => resolve(code === 0 || code === null ? undefined : reason(report)));
  });
  // The pod has closed: nobody reads what would still come from the client.
  child.stdout.once('end', () => child.kill());
  return { input: child.stdin, output: child.stdout, end, close: () => void child.kill() };
}

/** The last words of socat's report, without time, process and level. */
function reason(report: string): string {
  const line = report.trim().split('\n').at(-1) ?? '';
  return line.replace(/^.*socat\[\d+\] \w /, '');
}
