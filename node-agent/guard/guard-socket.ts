import { mkdirSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { messageOf } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import { type GuardUpdate, maxUpdateBytes } from './guard-protocol.ts';

/** Listens for the agent until `signal` aborts. A socket file that a dead guard has left is replaced. */
export function serveGuardSocket(
  path: string,
  apply: (update: GuardUpdate) => void,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  return new Promise((resolve, reject) => {
    const connections = new Set<Socket>();
    const server = createServer((socket) => {
      connections.add(socket);
      socket.on('close', () => connections.delete(socket));
      // A dying agent resets the connection; the next one connects anew.
      socket.on('error', (error) => logger.debug({ err: error }, 'agent connection'));
      readUpdates(socket, apply, logger);
    });
    server.on('error', reject);
    server.on('close', () => resolve());
    server.listen(path);
    signal.addEventListener(
      'abort',
      () => {
        for (const socket of connections) socket.destroy();
        server.close();
      },
      { once: true },
    );
  });
}

function readUpdates(socket: Socket, apply: (update: GuardUpdate) => void, logger: Logger): void {
  let pieces: Buffer[] = [];
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    let rest = chunk;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = Buffer.concat([...pieces, rest.subarray(0, end)]);
      pieces = [];
      bytes = 0;
      rest = rest.subarray(end + 1);
      try {
        apply(JSON.parse(line.toString('utf8')) as GuardUpdate);
      } catch (error) {
        logger.error({ reason: messageOf(error) }, 'read an update of the agent');
        socket.destroy();
        return;
      }
    }
    pieces.push(rest);
    bytes += rest.length;
    if (bytes > maxUpdateBytes) socket.destroy();
  });
}
