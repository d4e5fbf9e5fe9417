/** Looks a name up from inside a container's network namespace, over one UDP socket, one query at a time. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestCluster } from '../../e2e/cluster.ts';

/** The pid of a container's process on the machine: one in the cluster's cgroups whose root is not the machine's. */
function containerPid(cluster: string): number {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const inCluster = readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(`/coracle/${cluster}/`);
      if (inCluster && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'nginx') return Number(pid);
    } catch {
      // ENOENT, ESRCH: it ended while we looked.
    }
  }
  throw new Error('no nginx process runs in the cluster');
}

/** Microseconds of each lookup of `nginx.default.svc.cluster.local`. */
export async function lookupMicroseconds(cluster: TestCluster): Promise<number[]> {
  const pid = containerPid(cluster.name);
  const resolv = readFileSync(`/proc/${pid}/root/etc/resolv.conf`, 'utf8');
  const server = /^nameserver (\S+)/m.exec(resolv)?.[1] ?? '';
  const script = join(dirname(fileURLToPath(import.meta.url)), 'lookup-loop.ts');
  const out = execFileSync('nsenter', [`--target=${pid}`, '--net', process.execPath, script, server], {
    encoding: 'utf8',
  });
  return JSON.parse(out) as number[];
}
