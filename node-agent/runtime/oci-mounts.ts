import { posix } from 'node:path';
import type { OciMount } from './oci-types.ts';
import type { ContainerConfig, Mount } from './runtime.ts';

/** Files of the sandbox that every container of a pod sees, by where they appear. */
export interface SandboxMounts {
  readonly hostsFile: string;
  readonly hostnameFile: string;
  readonly resolvConfFile: string;
  readonly shmDir: string;
}

const noExecution = ['nosuid', 'noexec', 'nodev'];

/** Where masking hides what would tell about, or reach, the host. containerd's list. */
export const maskedPaths: readonly string[] = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];

export const readonlyPaths: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

/**
 * Every mount of a container, parents before children. The pod's own mounts come over the defaults: one at the same
 * place replaces it.
 */
export function mountsOf(
  config: Pick<ContainerConfig, 'mounts' | 'security'>,
  sandbox: SandboxMounts,
): OciMount[] {
  const given = config.mounts.map((mount) => posix.normalize(mount.containerPath).replace(/(.)\/$/, '$1'));
  const defaults = [
    ...kernelMounts(config.security.privileged),
    ...sandboxMounts(sandbox, config.security.readOnlyRootFilesystem),
  ].filter((mount) => !given.includes(mount.destination));
  const own = config.mounts.map((mount, index) => bindMount(mount, given[index] ?? mount.containerPath));
  return [...defaults, ...own.sort((a, b) => depthOf(a.destination) - depthOf(b.destination))];
}

function kernelMounts(privileged: boolean): OciMount[] {
  const access = privileged ? 'rw' : 'ro';
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: noExecution },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: noExecution },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...noExecution, access] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: [...noExecution, 'relatime', access],
    },
  ];
}

function sandboxMounts(sandbox: SandboxMounts, readOnly: boolean): OciMount[] {
  const options = ['rbind', 'rprivate', readOnly ? 'ro' : 'rw'];
  const file = (destination: string, source: string): OciMount => ({
    destination,
    type: 'bind',
    source,
    options,
  });
  return [
    {
      destination: '/dev/shm',
      type: 'bind',
      source: sandbox.shmDir,
      options: ['rbind', 'rprivate', ...noExecution],
    },
    file('/etc/hosts', sandbox.hostsFile),
    file('/etc/hostname', sandbox.hostnameFile),
    file('/etc/resolv.conf', sandbox.resolvConfFile),
  ];
}

function bindMount(mount: Mount, destination: string): OciMount {
  const propagation = mount.propagation === 'private' ? 'rprivate' : mount.propagation;
  return {
    destination,
    type: 'bind',
    source: mount.hostPath,
    options: ['rbind', propagation, mount.readOnly ? 'ro' : 'rw'],
  };
}

/** Propagation of the container's root: a bind mount receives or passes on mounts only when the root does as well. */
export function rootfsPropagationOf(mounts: readonly Mount[]): 'rshared' | 'rslave' | undefined {
  if (mounts.some((mount) => mount.propagation === 'rshared')) return 'rshared';
  return mounts.some((mount) => mount.propagation === 'rslave') ? 'rslave' : undefined;
}

function depthOf(path: string): number {
  return path.split('/').length;
}
