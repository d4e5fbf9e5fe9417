/**
 * A pod's namespaces without a process that holds them: one `unshare` makes them and binds each to a file on a private
 * tmpfs, which keeps it until it is unmounted. The same process, before it ends, sets the host name and the sysctls
 * (which belong to the namespaces, so they stay) and mounts the pod's /dev/shm.
 *
 * Cost: one process, 6 ms.
 *
 * @see unshare(1), namespaces(7) "The /proc/pid/ns/ directory"
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { mustRun } from './command.ts';
import type { SandboxNamespaces } from './oci-spec.ts';
import { mountPoints, unmountAll } from './overlay.ts';
import type { PodSandboxConfig } from './runtime.ts';

const shmBytes = 64 * 1024 * 1024;

/** What containerd sets as well: without it an unprivileged container could not listen on port 80. */
const networkSysctls: Readonly<Record<string, string>> = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 2147483647',
};

export type NamespaceConfig = Pick<PodSandboxConfig, 'hostname' | 'hostNetwork' | 'hostIpc' | 'sysctls'>;

export interface PinnedPaths {
  readonly namespaceDir: string;
  readonly shmDir: string;
}

/** Mounts the tmpfs that the pins lie on. Private, so that no other mount namespace keeps a copy of a pin. */
export async function ensurePinDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  if (mountPoints().has(directory)) return;
  await mustRun('mount', ['-t', 'tmpfs', '-o', 'mode=700', 'coracle-ns', directory]);
  await mustRun('mount', ['--make-private', directory]);
}

/** Which namespaces a pod has of its own, by path. On the host's network it has the host's name too. */
export function namespacePaths(
  config: Pick<PodSandboxConfig, 'hostNetwork' | 'hostIpc'>,
  directory: string,
): Omit<SandboxNamespaces, 'pid'> {
  return {
    network: config.hostNetwork ? undefined : `${directory}/net`,
    uts: config.hostNetwork ? undefined : `${directory}/uts`,
    ipc: config.hostIpc ? undefined : `${directory}/ipc`,
  };
}

export async function pinNamespaces(config: NamespaceConfig, paths: PinnedPaths): Promise<void> {
  const { network, uts, ipc } = namespacePaths(config, paths.namespaceDir);
  await Promise.all([
    mkdir(paths.namespaceDir, { recursive: true }),
    mkdir(paths.shmDir, { recursive: true }),
  ]);
  const pins = [network, uts, ipc].filter((path) => path !== undefined);
  await Promise.all(pins.map((path) => writeFile(path, '')));
  const flags = [
    ...(network === undefined ? [] : [`--net=${network}`]),
    ...(uts === undefined ? [] : [`--uts=${uts}`]),
    ...(ipc === undefined ? [] : [`--ipc=${ipc}`]),
  ];
  const { script, values } = setUpScript(config, paths.shmDir);
  await mustRun('unshare', [...flags, 'sh', '-euc', script, 'sandbox', ...values]);
}

/** Values are passed as arguments, never put into the script. The last command replaces the shell. */
export function setUpScript(
  config: NamespaceConfig,
  shmDir: string,
): { readonly script: string; readonly values: readonly string[] } {
  const settings: [file: string, value: string][] = [];
  if (!config.hostNetwork) {
    settings.push(['kernel/hostname', config.hostname]);
    for (const [name, value] of Object.entries(networkSysctls)) settings.push([sysctlFile(name), value]);
  }
  for (const [name, value] of Object.entries(config.sysctls)) settings.push([sysctlFile(name), value]);
  const writes = settings.map((_, index) => `echo "\${${index * 2 + 2}}" > "/proc/sys/\${${index * 2 + 1}}"`);
  const values = settings.flat();
  if (config.hostIpc) return { script: writes.join('\n'), values };
  const options = `mode=1777,size=${shmBytes},nosuid,noexec,nodev`;
  const mount = `exec mount -t tmpfs -o ${options} shm "\${${values.length + 1}}"`;
  return { script: [...writes, mount].join('\n'), values: [...values, shmDir] };
}

/** Takes pins and shm away; what is gone already is a success. Processes in the namespaces keep them until they end. */
export async function unpinNamespaces(paths: PinnedPaths): Promise<void> {
  await unmountAll([...['net', 'uts', 'ipc'].map((name) => `${paths.namespaceDir}/${name}`), paths.shmDir]);
  await rm(paths.namespaceDir, { recursive: true, force: true });
  await rm(paths.shmDir, { recursive: true, force: true });
}

/**
 * `net.ipv4.tcp_syncookies` -> `net/ipv4/tcp_syncookies`; an interface name may hold dots written as slashes. A name whose
 * first separator is a slash is a file's already.
 */
function sysctlFile(name: string): string {
  if (name.includes('..')) throw new Error(`sysctl ${name}`);
  if (/[./]/.exec(name)?.[0] === '/') return name;
  return name.replace(/[./]/g, (separator) => (separator === '.' ? '/' : '.'));
}
