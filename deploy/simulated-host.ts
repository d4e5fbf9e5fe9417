/**
 * A simulated host: an init of its own in PID, mount, UTS, IPC and network namespaces, with a cgroup as large as the
 * host's capacity, made before the first process enters it. Its disk is a directory and survives a power loss.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { cgroupPath, createCgroup, enterCgroupScript, isUnified, processesIn } from './cgroups.ts';
import type { Layout } from './layout.ts';
import { signalProcess } from './supervisor.ts';
import { createHostNetwork, hostAddress, netnsName, setHostLink } from './underlay.ts';
import { processStartTime } from './units.ts';
import { UserError } from './user-error.ts';
import { waitUntil } from './wait.ts';

/** Memory of one host: what its node reports as capacity. */
const hostMemoryBytes = Math.min(4 * 2 ** 30, Math.floor(totalmem() / 2));
const bootDeadlineMs = 15_000;

export type HostState = 'running' | 'cut' | 'dead';

export interface SimulatedHost {
  readonly name: string;
  /** Position on the wire: link, address. */
  readonly index: number;
  readonly address: string;
  /** Init's pid on the machine and its start time; absent when the host was never booted. */
  readonly init?: { readonly pid: number; readonly startTime: string } | undefined;
  readonly cut: boolean;
}

export const hostDirectory = (layout: Layout, name: string): string => join(layout.hosts, name);
const recordFile = (layout: Layout, name: string): string => join(hostDirectory(layout, name), 'host.json');

export function readHosts(layout: Layout): SimulatedHost[] {
  if (!existsSync(layout.hosts)) return [];
  const names = readdirSync(layout.hosts).filter((name) => existsSync(recordFile(layout, name)));
  const hosts = names.map(
    (name) => JSON.parse(readFileSync(recordFile(layout, name), 'utf8')) as SimulatedHost,
  );
  return hosts.sort((a, b) => a.index - b.index);
}

export function findHost(layout: Layout, name: string): SimulatedHost {
  const hosts = readHosts(layout);
  const host = hosts.find((candidate) => candidate.name === name);
  if (host !== undefined) return host;
  throw new UserError(
    `no host "${name}" (there are: ${hosts.map((candidate) => candidate.name).join(', ') || 'none'})`,
  );
}

export function stateOf(host: SimulatedHost): HostState {
  const alive = host.init !== undefined && processStartTime(host.init.pid) === host.init.startTime;
  if (!alive) return 'dead';
  return host.cut ? 'cut' : 'running';
}

export function recordHost(layout: Layout, host: SimulatedHost): SimulatedHost {
  mkdirSync(join(hostDirectory(layout, host.name), 'disk'), { recursive: true });
  writeFileSync(recordFile(layout, host.name), `${JSON.stringify(host)}\n`);
  return host;
}

export function newHost(underlay: string, name: string, index: number): SimulatedHost {
  return { name, index, address: hostAddress(underlay, index), cut: false };
}

/** Powers the host on: a fresh network, a fresh init, the disk as it was. */
export async function bootHost(
  layout: Layout,
  underlay: string,
  host: SimulatedHost,
): Promise<SimulatedHost> {
  recordHost(layout, { ...host, init: undefined, cut: false });
  const group = cgroupPath(layout.name, host.name);
  createCgroup(group, { memoryBytes: hostMemoryBytes });
  await createHostNetwork(layout, underlay, host);
  const script = join(hostDirectory(layout, host.name), 'boot.sh');
  writeFileSync(script, bootScript(layout, host, group));
  const enter = [
    `--net=/run/netns/${netnsName(layout.name, host.name)}`,
    'unshare',
    '--pid',
    '--fork',
    '--mount',
    '--uts',
    '--ipc',
    '--propagation=private',
    'sh',
    script,
  ];
  const child = spawn('nsenter', enter, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const timeout = AbortSignal.timeout(bootDeadlineMs);
  while (!said.includes('booted\n')) {
    await Promise.race([once(child.stdout, 'data', { signal: timeout }), once(child, 'exit')]);
    if (child.exitCode !== null) throw new UserError(`host ${host.name} does not boot: ${said.trim()}`);
  }
  child.stdout.destroy();
  child.stderr.destroy();
  child.unref();
  const init = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').split(' ')[0]);
  return recordHost(layout, {
    ...host,
    cut: false,
    init: { pid: init, startTime: processStartTime(init) ?? '' },
  });
}

/**
 * The host's own /proc, /sys (which shows its network namespace, so it is mounted anew, with the machine's cgroups moved
 * in), /run and /var/lib. crun refuses hybrid cgroups while `unified` lists a controller, so an empty directory of the
 * host's own covers it: what crun writes there must not stay on the machine.
 */
function bootScript(layout: Layout, host: SimulatedHost, group: string): string {
  const disk = join(hostDirectory(layout, host.name), 'disk');
  return `set -e
${enterCgroupScript(group)}
hostname ${host.name}
mount -t proc proc /proc
umount -l -R -q /run/netns || :
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/lock /run/cgroup
mount --rbind /sys/fs/cgroup /run/cgroup
mount -t sysfs sysfs /sys
mount --rbind /run/cgroup /sys/fs/cgroup
umount -l /run/cgroup
${isUnified() ? '' : 'if umount -q /sys/fs/cgroup/unified; then mount -t tmpfs -o size=1m,mode=755 tmpfs /sys/fs/cgroup/unified; fi'}
mount -t tmpfs -o mode=755 tmpfs /var/lib
mkdir -p /var/lib/coracle
mount --bind ${disk} /var/lib/coracle
echo booted
exec catatonit -P >/dev/null 2>&1
`;
}

/** Power loss: the wire goes first, so that the kernel's last FIN and RST reach nobody, then everything at once. */
export async function killHost(layout: Layout, clock: Clock, host: SimulatedHost): Promise<void> {
  await setHostLink(layout, host.index, 'down');
  if (host.init !== undefined && stateOf(host) !== 'dead') signalProcess(host.init.pid, 'SIGKILL');
  await waitUntil(clock, `host ${host.name} does not die`, bootDeadlineMs, async () => {
    const left = processesIn(cgroupPath(layout.name, host.name));
    for (const pid of left) signalProcess(pid, 'SIGKILL');
    if (left.length > 0) throw new Error(`processes ${left.join(', ')} are still there`);
    // It has left its cgroup by the time it waits for the last process of its namespace.
    if (stateOf(host) !== 'dead') throw new Error(`its first process, ${host.init?.pid}, is still there`);
  });
}
