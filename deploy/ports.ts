import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
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
  const listening = '0A';
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readFileSync(table, 'utf8').split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      const [address = '', hexPort = '0'] = (fields[1] ?? '').split(':');
      if (fields[3] !== listening || Number.parseInt(hexPort, 16) !== port) continue;
      if (!['0100007F', '00000000', '0'.repeat(32)].includes(address)) continue;
      throw new UserError(
        `port ${port} is in use by ${ownerOf(fields[9] ?? '')}; choose another one with --port`,
      );
    }
  }
}

/** The process that holds the socket with this inode, as `name (pid N)`. */
function ownerOf(inode: string): string {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const holds = readdirSync(`/proc/${pid}/fd`).some(
        (fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`,
      );
      if (holds) return `${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()} (pid ${pid})`;
    } catch {
      // ENOENT, ESRCH: the process or descriptor went away while we looked.
    }
  }
  return 'a process of another user or namespace';
}
