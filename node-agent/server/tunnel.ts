/**
 * HTTP CONNECT to a pod of this node: the way of the API server's `proxy` into the pods' network, of which it may be no
 * part. No other address is reached through it.
 */
import { connect } from 'node:net';
import { currentSandbox } from '../pod/plan-containers.ts';
import type { PodWorkers } from '../pod/pod-workers.ts';
import type { ServerContext } from './routes.ts';
import type { Upgrade } from './upgrade.ts';

const connectTimeoutMs = 30_000;

export function acceptTunnel({ request, socket, head }: Upgrade, { workers, logger }: ServerContext): void {
  const to = parseAuthority(request.url ?? '');
  if (to === undefined || !isPodAddress(workers, to.host)) {
    socket.end(refusal(403, `${request.url} is no pod of this node`));
    return;
  }
  const backend = connect({ ...to, noDelay: true, allowHalfOpen: true });
  const refuse = (reason: string): void => {
    backend.destroy();
    socket.end(refusal(502, `dial tcp ${to.host}:${to.port}: ${reason}`));
  };
  const refuseError = (error: Error): void => refuse(`connect: ${reasonOf(error)}`);
  backend.once('error', refuseError);
  backend.setTimeout(connectTimeoutMs, () => refuse('i/o timeout'));
  socket.once('close', () => backend.destroy());
  backend.once('connect', () => {
    backend.setTimeout(0);
    backend.removeListener('error', refuseError);
    backend.on('error', (error) => {
      logger.debug({ err: error }, 'tunnel');
      socket.destroy();
    });
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    if (head.length > 0) backend.write(head);
    socket.pipe(backend);
    backend.pipe(socket);
  });
}

function parseAuthority(text: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^([\d.]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  return match?.[1] === undefined || port < 1 || port > 65_535 ? undefined : { host: match[1], port };
}

function isPodAddress(workers: PodWorkers, host: string): boolean {
  return workers.all.some(
    ({ memory }) =>
      currentSandbox(memory) !== undefined && (memory.lastStatus?.podIPs ?? []).some(({ ip }) => ip === host),
  );
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'connection timed out',
};

function reasonOf(error: Error & { readonly code?: string }): string {
  return reasons[error.code ?? ''] ?? error.message;
}

function refusal(status: number, reason: string): string {
  const text = status === 403 ? 'Forbidden' : 'Bad Gateway';
  return `HTTP/1.1 ${status} ${text}\r\nX-Coracle-Reason: ${reason}\r\nConnection: close\r\n\r\n`;
}
