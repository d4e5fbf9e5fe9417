import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { socketInodesOf, socketRows, tcpListening } from './sockets.ts';
import { UserError } from './user-error.ts';

/** `count` TCP ports on 127.0.0.1 that are free now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listenAnywhere()));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return servers.map((server) => server.port);
}

async function listenAnywhere(): Promise<{ port: number; close(done: (error?: Error) => void): void }> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new UserError('no free port on 127.0.0.1');
  return { port: address.port, close: (done) => server.close(done) };
}

/** @throws UserError naming the process that listens on `port` of 127.0.0.1 or of all addresses. */
export function refuseUsedPort(port: number): void {
  const used = socketRows('tcp').find(
    (row) =>
      row.state === tcpListening &&
      row.localPort === port &&
      ['0100007F', '00000000', '0'.repeat(32)].includes(row.localAddress),
  );
  if (used !== undefined)
    throw new UserError(`port ${port} is in use by ${ownerOf(used.inode)}; choose another one with --port`);
}

/** The process that holds the socket with this inode, as `name (pid N)`. */
function ownerOf(inode: string): string {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (socketInodesOf(Number(pid)).has(inode)) return `${commandOf(pid)} (pid ${pid})`;
  }
  return 'a process of another user or namespace';
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return 'a process that is gone'; // ENOENT, ESRCH
  }
}
