import { describe, expect, it } from 'vitest';
import { type OciInput, toOciResources, toOciSpec } from './oci-spec.ts';
import type { ContainerConfig, ContainerSecurity } from './runtime.ts';

const security: ContainerSecurity = {
  privileged: false,
  readOnlyRootFilesystem: false,
  runAsUser: undefined,
  runAsGroup: undefined,
  runAsNonRoot: false,
  supplementalGroups: [],
  addCapabilities: [],
  dropCapabilities: [],
  noNewPrivileges: true,
  seccomp: 'RuntimeDefault',
  maskProc: true,
};

function aConfig(overrides: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    name: 'main',
    attempt: 0,
    imageId: 'sha256:0',
    image: 'web',
    command: [],
    args: [],
    workingDir: undefined,
    env: [],
    mounts: [],
    devices: [],
    resources: {},
    security,
    stdin: false,
    stdinOnce: false,
    tty: false,
    logPath: 'main/0.log',
    annotations: {},
    ...overrides,
  };
}

function anInput(config: ContainerConfig = aConfig(), overrides: Partial<OciInput> = {}): OciInput {
  return {
    config,
    image: {
      user: '',
      env: ['PATH=/bin', 'A=image'],
      entrypoint: ['/entry'],
      cmd: ['serve'],
      workingDir: '/srv',
      stopSignal: undefined,
    },
    rootfs: '/r',
    hostname: 'pod',
    user: { uid: 1, gid: 2, additionalGids: [2] },
    capabilities: ['CAP_KILL'],
    seccomp: undefined,
    namespaces: { network: '/ns/net', ipc: '/ns/ipc', uts: '/ns/uts', pid: undefined },
    sandboxMounts: {
      hostsFile: '/s/hosts',
      hostnameFile: '/s/hostname',
      resolvConfFile: '/s/resolv',
      shmDir: '/shm',
    },
    cgroupsPath: '/root/pod/c',
    cgroupVersion: 'v1',
    limitsSwap: false,
    oomScoreAdj: undefined,
    devices: [],
    ...overrides,
  };
}

describe('command and environment', () => {
  it.each([
    ['the image alone', {}, ['/entry', 'serve']],
    ['args replace CMD', { args: ['x'] }, ['/entry', 'x']],
    ['command replaces ENTRYPOINT and drops CMD', { command: ['/c'] }, ['/c']],
    ['both replace both', { command: ['/c'], args: ['x'] }, ['/c', 'x']],
  ])('%s', (_, overrides, expected) => {
    expect(toOciSpec(anInput(aConfig(overrides))).process.args).toEqual(expected);
  });

  it('refuses to run nothing', () => {
    const input = anInput();
    const empty = { ...input, image: { ...input.image, entrypoint: [], cmd: [] } };
    expect(() => toOciSpec(empty)).toThrow('no command specified');
  });

  it('puts the pod over the image, each name once', () => {
    const env = [
      { name: 'A', value: 'pod' },
      { name: 'B', value: 'x=y' },
    ];
    expect(toOciSpec(anInput(aConfig({ env }))).process.env).toEqual([
      'PATH=/bin',
      'HOSTNAME=pod',
      'A=pod',
      'B=x=y',
    ]);
  });

  it('works where the pod says, else where the image says', () => {
    expect(toOciSpec(anInput()).process.cwd).toBe('/srv');
    expect(toOciSpec(anInput(aConfig({ workingDir: '/w' }))).process.cwd).toBe('/w');
  });
});

describe('namespaces', () => {
  it('joins the pod and makes mount and process namespaces of its own', () => {
    expect(toOciSpec(anInput()).linux.namespaces).toEqual([
      { type: 'mount' },
      { type: 'pid' },
      { type: 'network', path: '/ns/net' },
      { type: 'ipc', path: '/ns/ipc' },
      { type: 'uts', path: '/ns/uts' },
    ]);
  });

  it('leaves out what is the host, and joins a shared process namespace by path', () => {
    const host = { network: undefined, ipc: undefined, uts: undefined };
    const types = (pid: string): unknown =>
      toOciSpec(anInput(aConfig(), { namespaces: { ...host, pid } })).linux.namespaces;
    expect(types('host')).toEqual([{ type: 'mount' }]);
    expect(types('/proc/9/ns/pid')).toEqual([{ type: 'mount' }, { type: 'pid', path: '/proc/9/ns/pid' }]);
  });

  it('hides the cgroup tree where there is one version', () => {
    const { namespaces } = toOciSpec(anInput(aConfig(), { cgroupVersion: 'v2' })).linux;
    expect(namespaces).toContainEqual({ type: 'cgroup' });
  });
});

describe('mounts', () => {
  it('replaces a default by the pod’s own and orders by depth', () => {
    const mount = (containerPath: string) => ({
      hostPath: `/v${containerPath}`,
      containerPath,
      readOnly: true,
      propagation: 'private' as const,
    });
    const { mounts } = toOciSpec(
      anInput(aConfig({ mounts: [mount('/a/b/'), mount('/a'), mount('/etc/hosts')] })),
    );
    expect(mounts.filter((entry) => entry.destination === '/etc/hosts')).toEqual([
      {
        destination: '/etc/hosts',
        type: 'bind',
        source: '/v/etc/hosts',
        options: ['rbind', 'rprivate', 'ro'],
      },
    ]);
    const own = mounts.filter((entry) => entry.source.startsWith('/v')).map((entry) => entry.destination);
    expect(own).toEqual(['/a', '/a/b', '/etc/hosts']);
  });

  it('lets the root pass mounts on only when a volume asks for it', () => {
    const volume = { hostPath: '/v', containerPath: '/v', readOnly: false, propagation: 'rshared' as const };
    expect(toOciSpec(anInput()).linux.rootfsPropagation).toBeUndefined();
    expect(toOciSpec(anInput(aConfig({ mounts: [volume] }))).linux.rootfsPropagation).toBe('rshared');
  });
});

describe('confinement', () => {
  it('masks, denies devices and carries seccomp and no-new-privileges', () => {
    const seccomp = { defaultAction: 'SCMP_ACT_ERRNO', architectures: [], syscalls: [] };
    const { linux, process } = toOciSpec(anInput(aConfig(), { seccomp }));
    expect(linux.maskedPaths).toContain('/proc/kcore');
    expect(linux.readonlyPaths).toContain('/proc/sys');
    expect(linux.resources.devices).toEqual([{ allow: false, access: 'rwm' }]);
    expect(linux.seccomp).toBe(seccomp);
    expect(process.noNewPrivileges).toBe(true);
  });

  it('opens everything for a privileged container', () => {
    const { linux, mounts } = toOciSpec(anInput(aConfig({ security: { ...security, privileged: true } })));
    expect(linux.maskedPaths).toBeUndefined();
    expect(linux.resources.devices).toEqual([{ allow: true, access: 'rwm' }]);
    expect(mounts.find((mount) => mount.destination === '/sys')?.options).toContain('rw');
  });

  it('allows the devices that are given, and only as they are given', () => {
    const device = {
      path: '/dev/x',
      type: 'c' as const,
      major: 1,
      minor: 3,
      fileMode: 0o660,
      uid: 0,
      gid: 0,
    };
    const { linux } = toOciSpec(anInput(aConfig(), { devices: [{ ...device, access: 'r' }] }));
    expect(linux.devices).toEqual([device]);
    expect(linux.resources.devices.at(-1)).toEqual({
      allow: true,
      type: 'c',
      major: 1,
      minor: 3,
      access: 'r',
    });
  });
});

describe('limits', () => {
  it('says nothing where nothing is limited', () => {
    expect(toOciResources({}, { cgroupVersion: 'v2', limitsSwap: true })).toEqual({});
  });

  it('allows no swap beyond memory, and lets an OOM take the whole container on v2', () => {
    const resources = {
      cpuShares: 512,
      cpuQuotaMicros: 50_000,
      cpuPeriodMicros: 100_000,
      memoryLimitBytes: 64,
      pidsLimit: 9,
    };
    expect(toOciResources(resources, { cgroupVersion: 'v2', limitsSwap: true })).toEqual({
      cpu: { shares: 512, quota: 50_000, period: 100_000 },
      memory: { limit: 64, swap: 64 },
      pids: { limit: 9 },
      unified: { 'memory.oom.group': '1' },
    });
    expect(toOciResources(resources, { cgroupVersion: 'v1', limitsSwap: false }).memory).toEqual({
      limit: 64,
    });
  });
});
