import { readdirSync, readFileSync, statSync } from 'node:fs';
import { arch } from 'node:os';
import { capabilitiesOfMask } from './capabilities.ts';
import type { OciDevice } from './oci-types.ts';
import type { ContainerConfig } from './runtime.ts';
import { type CpuArchitecture, type OciSeccomp, type SeccompProfile, toOciSeccomp } from './seccomp.ts';

/** What the runtime itself may do, read once. */
export interface HostFacts {
  readonly capabilities: readonly string[];
  readonly oomScoreAdj: number;
  readonly architecture: CpuArchitecture;
}

export function readHostFacts(): HostFacts {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return {
    capabilities: capabilitiesOfMask(mask),
    oomScoreAdj: Number(readFileSync('/proc/self/oom_score_adj', 'utf8')),
    architecture: arch() === 'arm64' ? 'arm64' : 'amd64',
  };
}

/** Without CAP_SYS_RESOURCE the kernel refuses a score below the caller's own: then that is the lowest. */
export function allowedOomScoreAdj(wanted: number | undefined, facts: HostFacts): number | undefined {
  if (wanted === undefined || facts.capabilities.includes('CAP_SYS_RESOURCE')) return wanted;
  return Math.max(wanted, facts.oomScoreAdj);
}

/** Profiles in their runtime form, by file and capabilities: containers differ in few of either. */
export class SeccompProfiles {
  readonly #architecture: CpuArchitecture;
  readonly #converted = new Map<string, OciSeccomp>();

  constructor(architecture: CpuArchitecture) {
    this.#architecture = architecture;
  }

  load(path: string, capabilities: readonly string[]): OciSeccomp {
    const key = `${path} ${capabilities.join(',')}`;
    const known = this.#converted.get(key);
    if (known !== undefined) return known;
    const profile = JSON.parse(readFileSync(path, 'utf8')) as SeccompProfile;
    const converted = toOciSeccomp(profile, { capabilities, architecture: this.#architecture });
    this.#converted.set(key, converted);
    return converted;
  }
}

/** Directories and links in /dev that a container has of its own. */
const ownDevices = new Set(['console', 'ptmx', 'tty', 'null', 'zero', 'full', 'random', 'urandom', 'log']);

/** Every device right under /dev, for a privileged container. */
export function hostDevices(): ContainerConfig['devices'] {
  return readdirSync('/dev', { withFileTypes: true })
    .filter((entry) => (entry.isCharacterDevice() || entry.isBlockDevice()) && !ownDevices.has(entry.name))
    .map(({ name }) => ({ hostPath: `/dev/${name}`, containerPath: `/dev/${name}`, permissions: 'rwm' }));
}

/** Looks the devices up on the host. @throws when a path is no device. */
export function resolveDevices(devices: ContainerConfig['devices']): (OciDevice & { access: string })[] {
  return devices.map(({ hostPath, containerPath, permissions }) => {
    const info = statSync(hostPath);
    if (!info.isCharacterDevice() && !info.isBlockDevice()) throw new Error(`${hostPath} is not a device`);
    return {
      path: containerPath,
      type: info.isBlockDevice() ? 'b' : 'c',
      ...deviceNumbers(info.rdev),
      fileMode: info.mode & 0o777,
      uid: info.uid,
      gid: info.gid,
      access: permissions === '' ? 'rwm' : permissions,
    };
  });
}

/** Linux' 64-bit dev_t. @see makedev(3) */
export function deviceNumbers(rdev: number): { readonly major: number; readonly minor: number } {
  const device = BigInt(rdev);
  return {
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn & 0xffffffffn)),
    minor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
  };
}
