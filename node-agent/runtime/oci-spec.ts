/**
 * The OCI `config.json` of a container, from what the pod asks, what the image brings and what the sandbox holds. Pure:
 * everything that must be looked up on the machine comes in through `OciInput`.
 */
import type { ProcessUser } from './image-user.ts';
import {
  maskedPaths,
  mountsOf,
  readonlyPaths,
  rootfsPropagationOf,
  type SandboxMounts,
} from './oci-mounts.ts';
import { toOciProcess } from './oci-process.ts';
import type { OciDevice, OciDeviceRule, OciLinux, OciNamespace, OciResources, OciSpec } from './oci-types.ts';
import type { ImageProcessConfig } from './runnable-image.ts';
import type { ContainerConfig, ContainerResources } from './runtime.ts';
import type { OciSeccomp } from './seccomp.ts';

/** Paths of the sandbox's namespaces; one that is left out is the host's (`network`, `ipc`, `uts`) or new (`pid`). */
export interface SandboxNamespaces {
  readonly network: string | undefined;
  readonly ipc: string | undefined;
  readonly uts: string | undefined;
  readonly pid: string | 'host' | undefined;
}

export interface OciInput {
  readonly config: ContainerConfig;
  readonly image: ImageProcessConfig;
  readonly rootfs: string;
  readonly hostname: string;
  readonly user: ProcessUser;
  readonly capabilities: readonly string[];
  readonly seccomp: OciSeccomp | undefined;
  readonly namespaces: SandboxNamespaces;
  readonly sandboxMounts: SandboxMounts;
  readonly cgroupsPath: string;
  readonly cgroupVersion: 'v1' | 'v2';
  /** Whether the memory cgroup accounts for swap; without it a swap limit fails the start. */
  readonly limitsSwap: boolean;
  readonly oomScoreAdj: number | undefined;
  readonly devices: readonly (OciDevice & { readonly access: string })[];
}

export function toOciSpec(input: OciInput): OciSpec {
  return {
    ociVersion: '1.0.2',
    process: toOciProcess(input),
    root: { path: input.rootfs, readonly: input.config.security.readOnlyRootFilesystem },
    mounts: mountsOf(input.config, input.sandboxMounts),
    linux: toOciLinux(input),
  };
}

function toOciLinux(input: OciInput): OciLinux {
  const { security } = input.config;
  const propagation = rootfsPropagationOf(input.config.mounts);
  const devices = input.devices.map(({ access: _, ...device }) => device);
  return {
    namespaces: namespacesOf(input),
    cgroupsPath: input.cgroupsPath,
    resources: {
      devices: deviceRules(input),
      ...toOciResources(input.config.resources, input),
    },
    ...(devices.length === 0 ? {} : { devices }),
    ...(security.privileged || !security.maskProc ? {} : { maskedPaths, readonlyPaths }),
    ...(propagation === undefined ? {} : { rootfsPropagation: propagation }),
    ...(input.seccomp === undefined ? {} : { seccomp: input.seccomp }),
  };
}

function namespacesOf(input: OciInput): OciNamespace[] {
  const { network, ipc, uts, pid } = input.namespaces;
  const namespaces: OciNamespace[] = [{ type: 'mount' }];
  if (pid === undefined) namespaces.push({ type: 'pid' });
  else if (pid !== 'host') namespaces.push({ type: 'pid', path: pid });
  if (network !== undefined) namespaces.push({ type: 'network', path: network });
  if (ipc !== undefined) namespaces.push({ type: 'ipc', path: ipc });
  if (uts !== undefined) namespaces.push({ type: 'uts', path: uts });
  // A cgroup namespace hides the host's tree; on v1 containerd and runc leave it out, and so do images expect it.
  if (input.cgroupVersion === 'v2') namespaces.push({ type: 'cgroup' });
  return namespaces;
}

function deviceRules(input: OciInput): OciDeviceRule[] {
  if (input.config.security.privileged) return [{ allow: true, access: 'rwm' }];
  return [
    { allow: false, access: 'rwm' },
    ...input.devices.map(({ type, major, minor, access }) => ({ allow: true, type, major, minor, access })),
  ];
}

/** Limits in the specification's form. Swap is limited to nothing beyond memory, as Kubernetes has it. */
export function toOciResources(
  resources: ContainerResources,
  cgroup: { readonly cgroupVersion: 'v1' | 'v2'; readonly limitsSwap: boolean },
): Omit<OciResources, 'devices'> {
  const cpu = withoutUndefined({
    shares: resources.cpuShares,
    quota: resources.cpuQuotaMicros,
    period: resources.cpuPeriodMicros,
  });
  const limit = resources.memoryLimitBytes;
  return {
    ...(Object.keys(cpu).length === 0 ? {} : { cpu }),
    ...(limit === undefined ? {} : { memory: cgroup.limitsSwap ? { limit, swap: limit } : { limit } }),
    ...(resources.pidsLimit === undefined ? {} : { pids: { limit: resources.pidsLimit } }),
    // One process beyond the limit takes the whole container with it: a half-killed one would stay as if healthy.
    ...(cgroup.cgroupVersion === 'v2' && limit !== undefined ? { unified: { 'memory.oom.group': '1' } } : {}),
  };
}

function withoutUndefined(cpu: {
  readonly shares: number | undefined;
  readonly quota: number | undefined;
  readonly period: number | undefined;
}): { shares?: number; quota?: number; period?: number } {
  return {
    ...(cpu.shares === undefined ? {} : { shares: cpu.shares }),
    ...(cpu.quota === undefined ? {} : { quota: cpu.quota }),
    ...(cpu.period === undefined ? {} : { period: cpu.period }),
  };
}
