/** How `up` sees that each process of each server works: not only one of those that share an address or a lease. */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import type { Layout } from './layout.ts';
import { detectorPort } from './server-units.ts';
import type { StoredCluster } from './settings.ts';
import { type SocketRow, socketInodesOf, socketRows, tcpEstablished, tcpListening } from './sockets.ts';
import { runningPid } from './units.ts';

const etcdTimeoutMs = 2_000;

/** @throws until the process of `unit` (`<part>-<n>`) serves, or has reached the API. */
export async function probeServerUnit(layout: Layout, cluster: StoredCluster, unit: string): Promise<void> {
  const [, part = '', number = '1'] = /^(.*)-(\d+)$/.exec(unit) ?? [];
  const { settings, choices } = cluster;
  const pid = runningPid(layout, unit);
  if (pid === undefined) throw new Error('it does not run');
  if (part === 'etcd') return probeEtcd(layout, choices.etcdPorts[Number(number) - 1]?.client ?? 0);
  const listens = (row: SocketRow): boolean => row.state === tcpListening && row.localPort === settings.port;
  if (part === 'apiserver') return requireSocket(pid, 'tcp', `does not listen on ${settings.port}`, listens);
  const udpPort = detectorPort(Number(number));
  if (part === 'detector')
    return requireSocket(pid, 'udp', `does not listen on UDP ${udpPort}`, (row) => row.localPort === udpPort);
  requireSocket(
    pid,
    'tcp',
    'has no connection to the API',
    (row) => row.state === tcpEstablished && row.remotePort === settings.port,
  );
}

function requireSocket(
  pid: number,
  protocol: 'tcp' | 'udp',
  otherwise: string,
  isIt: (row: SocketRow) => boolean,
): void {
  const held = socketInodesOf(pid);
  if (!socketRows(protocol).some((row) => isIt(row) && held.has(row.inode)))
    throw new Error(`process ${pid} ${otherwise}`);
}

/** @throws until the member serves and its cluster has a leader. */
function probeEtcd(layout: Layout, port: number): Promise<void> {
  const pki = (file: string): Buffer => readFileSync(join(layout.pki, file));
  return new Promise((resolve, reject) => {
    const call = request({
      ...{ host: '127.0.0.1', port, path: '/health', agent: false, timeout: etcdTimeoutMs },
      ca: pki('ca.crt'),
      cert: pki('apiserver-etcd-client.crt'),
      key: pki('apiserver-etcd-client.key'),
    });
    call.once('response', (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`/health answers ${response.statusCode}`));
    });
    call.once('timeout', () => call.destroy(new Error('/health does not answer')));
    call.once('error', reject);
    call.end();
  });
}
