/**
 * An embedded runtime of its own for a test, with a network that only hands out addresses. Everything it makes in the
 * kernel lies under one directory, one mount point and one cgroup, which `close` takes away.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { createImageService, type NodeImages } from '../../node-agent/image/image-service.ts';
import type { PodNetwork } from '../../node-agent/network/pod-network.ts';
import { createEmbeddedRuntime } from '../../node-agent/runtime/embedded-runtime.ts';
import type {
  ContainerConfig,
  ContainerRuntime,
  PodSandboxConfig,
} from '../../node-agent/runtime/runtime.ts';
import { toolsLayer, writeTestImage } from './test-image.ts';

export interface TestRuntime {
  readonly runtime: ContainerRuntime;
  readonly images: NodeImages;
  readonly directory: string;
  readonly cgroupRoot: string;
  readonly imageId: string;
  /** Pods that have a network now. */
  readonly attached: ReadonlySet<string>;
  aSandbox(overrides?: Partial<PodSandboxConfig>): PodSandboxConfig;
  aContainer(command: readonly string[], overrides?: Partial<ContainerConfig>): ContainerConfig;
  /** Stops this runtime's loops and starts another on what it left, as an agent after a crash. */
  restart(): Promise<ContainerRuntime>;
  close(): Promise<void>;
}

const cgroupMount = '/sys/fs/cgroup';

/** Hands out an address and builds nothing; `attached` has the pods that hold one. */
function addressOnlyNetwork(attached: Set<string>): PodNetwork {
  return {
    attachPod: async ({ podUid }) => {
      attached.add(podUid);
      return { ips: ['10.88.0.9'] };
    },
    detachPod: async (podUid) => void attached.delete(podUid),
  };
}

export async function startTestRuntime(): Promise<TestRuntime> {
  const directory = mkdtempSync(join(tmpdir(), 'crt-'));
  const cgroupRoot = `/${basename(directory)}`;
  const imageId = await writeTestImage(`${directory}/img/tools`, { layers: [toolsLayer()] });
  const images = await createImageService({
    rootDir: `${directory}/root`,
    localDirs: [`${directory}/img`],
    layerStores: [],
    insecureRegistries: [],
    clock: systemClock,
    logger: silentLogger,
  });
  await images.pullImage('tools');
  const attached = new Set<string>();
  let abort = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const start = async (): Promise<ContainerRuntime> => {
    abort = new AbortController();
    const runtime = await createEmbeddedRuntime({
      rootDir: `${directory}/root`,
      runDir: `${directory}/run`,
      cgroupRoot,
      images,
      network: addressOnlyNetwork(attached),
      clock: systemClock,
      logger: silentLogger,
      seccompProfilePath: '/usr/share/containers/seccomp.json',
      crunPath: crunOnThisHost(directory),
    });
    running = runtime.run(abort.signal);
    return runtime;
  };
  let runtime = await start();
  let pods = 0;
  const stop = async (): Promise<void> => {
    abort.abort();
    await running;
  };
  return {
    get runtime() {
      return runtime;
    },
    images,
    directory,
    cgroupRoot,
    imageId,
    attached,
    aSandbox: (overrides = {}) => {
      pods += 1;
      return { ...sandboxDefaults(`pod${pods}`, directory), ...overrides };
    },
    aContainer: (command, overrides = {}) => ({ ...containerDefaults(imageId), command, ...overrides }),
    restart: async () => {
      await stop();
      runtime = await start();
      return runtime;
    },
    close: async () => {
      for (const { id } of await runtime.listPodSandboxes()) await runtime.removePodSandbox(id);
      await stop();
      execFileSync('umount', ['-l', `${directory}/run/ns`]);
      removeCgroups(cgroupRoot);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** crun refuses a host with both cgroup versions: there it gets a mount namespace without the second. */
function crunOnThisHost(directory: string): string {
  if (!existsSync(`${cgroupMount}/unified/cgroup.controllers`)) return '/usr/bin/crun';
  const path = `${directory}/crun`;
  const inner = `umount ${cgroupMount}/unified && exec /usr/bin/crun "$@"`;
  const script = `#!/bin/sh\nexec unshare --mount --propagation private sh -c '${inner}' crun "$@"\n`;
  writeFileSync(path, script, { mode: 0o755 });
  return path;
}

function removeCgroups(path: string): void {
  const roots = existsSync(`${cgroupMount}/cgroup.controllers`)
    ? [cgroupMount]
    : readdirSync(cgroupMount).map((name) => `${cgroupMount}/${name}`);
  for (const root of roots) if (existsSync(root + path)) removeTree(root + path);
}

function removeTree(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(`${directory}/${entry.name}`);
  }
  rmdirSync(directory);
}

function sandboxDefaults(name: string, directory: string): PodSandboxConfig {
  return {
    pod: { uid: `uid-${name}`, namespace: 'default', name },
    attempt: 0,
    hostname: name,
    cgroupParent: `besteffort/${name}`,
    resources: {},
    hostNetwork: false,
    hostPid: false,
    hostIpc: false,
    shareProcessNamespace: false,
    sysctls: {},
    dns: { servers: ['10.96.0.10'], searches: ['default.svc.cluster.local'], options: ['ndots:5'] },
    hostAliases: [],
    fullyQualifiedName: undefined,
    portMappings: [],
    logDirectory: `${directory}/logs/${name}`,
    labels: {},
    annotations: {},
  };
}

function containerDefaults(imageId: string): ContainerConfig {
  return {
    name: 'main',
    attempt: 0,
    imageId,
    image: 'tools',
    command: [],
    args: [],
    workingDir: undefined,
    env: [],
    mounts: [],
    devices: [],
    resources: {},
    security: {
      privileged: false,
      readOnlyRootFilesystem: false,
      runAsUser: undefined,
      runAsGroup: undefined,
      runAsNonRoot: false,
      supplementalGroups: [],
      addCapabilities: [],
      dropCapabilities: [],
      noNewPrivileges: false,
      seccomp: 'RuntimeDefault',
      maskProc: true,
    },
    stdin: false,
    stdinOnce: false,
    tty: false,
    logPath: 'main/0.log',
    annotations: {},
  };
}
