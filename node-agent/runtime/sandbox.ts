import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { ProcessIdentity } from './live-process.ts';
import type { SandboxMounts } from './oci-mounts.ts';
import type { PodSandboxConfig, PodSandboxStatus } from './runtime.ts';
import { hostsFileOf, resolvConfOf } from './sandbox-files.ts';

/** What is kept of a sandbox on disk. */
export interface SandboxRecord {
  readonly id: string;
  readonly config: PodSandboxConfig;
  readonly createdAtMs: number;
  readonly ips: readonly string[];
  /** False once it has been stopped; a sandbox whose namespaces a reboot took is not ready either. */
  readonly ready: boolean;
  readonly cgroupPath: string;
  /** First process of a shared PID namespace. */
  readonly pause: ProcessIdentity | undefined;
}

export function parseSandboxRecord(value: unknown): SandboxRecord | undefined {
  const record = value as SandboxRecord | null;
  return typeof record?.id === 'string' && typeof record.config?.pod?.uid === 'string' ? record : undefined;
}

export function toSandboxStatus(record: SandboxRecord): PodSandboxStatus {
  const { config } = record;
  return {
    id: record.id,
    pod: config.pod,
    attempt: config.attempt,
    ready: record.ready,
    createdAtMs: record.createdAtMs,
    ips: record.ips,
    hostNetwork: config.hostNetwork,
    cgroupParent: config.cgroupParent,
    annotations: config.annotations,
  };
}

export function sandboxMountsOf(config: PodSandboxConfig, directory: string, shmDir: string): SandboxMounts {
  return {
    hostsFile: `${directory}/hosts`,
    hostnameFile: `${directory}/hostname`,
    resolvConfFile: `${directory}/resolv.conf`,
    shmDir: config.hostIpc ? '/dev/shm' : shmDir,
  };
}

/** The files that every container of the pod sees under /etc. */
export async function writeSandboxFiles(
  config: PodSandboxConfig,
  ips: readonly string[],
  mounts: SandboxMounts,
): Promise<void> {
  const nodeHosts = config.hostNetwork ? await readFile('/etc/hosts', 'utf8') : '';
  await Promise.all([
    writeFile(mounts.hostsFile, hostsFileOf(config, ips, nodeHosts)),
    writeFile(mounts.hostnameFile, `${config.hostname}\n`),
    writeFile(mounts.resolvConfFile, resolvConfOf(config.dns)),
    mkdir(config.logDirectory, { recursive: true }),
  ]);
}
