/** Which process holds which socket, as /proc tells: how to see from outside that a part has begun to serve. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** TCP_LISTEN and TCP_ESTABLISHED as /proc/net/tcp prints them. */
export const tcpListening = '0A';
export const tcpEstablished = '01';

export interface SocketRow {
  /** Hexadecimal, in the machine's byte order. */
  readonly localAddress: string;
  readonly localPort: number;
  readonly remotePort: number;
  readonly state: string;
  readonly inode: string;
}

export function socketRows(protocol: 'tcp' | 'udp'): SocketRow[] {
  return [protocol, `${protocol}6`].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, 'utf8').split('\n').slice(1, -1).map(parseRow),
  );
}

function parseRow(line: string): SocketRow {
  const fields = line.trim().split(/\s+/);
  const [localAddress = '', localPort = '0'] = (fields[1] ?? '').split(':');
  const remotePort = (fields[2] ?? '').split(':')[1] ?? '0';
  return {
    localAddress,
    localPort: Number.parseInt(localPort, 16),
    remotePort: Number.parseInt(remotePort, 16),
    state: fields[3] ?? '',
    inode: fields[9] ?? '',
  };
}

/** Empty when the process has gone. */
export function socketInodesOf(pid: number): Set<string> {
  try {
    const targets = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
    return new Set(targets.map((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? ''));
  } catch {
    return new Set(); // ENOENT, ESRCH: it ended while we looked.
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // ENOENT: closed while we looked.
  }
}
