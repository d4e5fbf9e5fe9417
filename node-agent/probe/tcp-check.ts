import { connect } from 'node:net';
import type { CheckResult, SocketCheckRequest } from './probe-checks.ts';

/** Success when the port accepts a connection. */
export function tcpCheck({ host, port, timeoutMs }: SocketCheckRequest): Promise<CheckResult> {
  return new Promise((resolve) => {
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    const socket = connect({ host, port, timeout: timeoutMs });
    const finish = (result: CheckResult): void => {
      socket.destroy();
      resolve(result);
    };
    socket.on('connect', () => finish({ outcome: 'success', message: '' }));
    socket.on('timeout', () => finish({ outcome: 'failure', message: `dial tcp ${address}: i/o timeout` }));
    socket.on('error', (error: Error & { code?: string }) =>
      finish({ outcome: 'failure', message: `dial tcp ${address}: ${reasonOf(error)}` }),
    );
  });
}

function reasonOf(error: Error & { code?: string }): string {
  if (error.code === 'ECONNREFUSED') return 'connect: connection refused';
  return error.code === 'EHOSTUNREACH' ? 'connect: no route to host' : error.message;
}
