/**
 * The runtime that Coracle brings: crun makes containers, conmon stays with them, overlayfs holds their roots. It is
 * driven through files and a few short-lived processes, so that nothing of it runs between the pods' own processes but
 * one conmon per container.
 *
 * Processes per pod: one `unshare` for the sandbox (and what the network spawns); per container one `mount` and one
 * conmon with one crun. Starting, stopping, signals, exits, statistics and removal's cgroups are files and signals; a
 * removal unmounts with one `umount`.
 *
 * INVARIANTS:
 * - What is on disk names everything that is in the kernel: records are written before and removed after it.
 * - A container's end is recorded before anyone is told of it.
 */
import { mkdir } from 'node:fs/promises';
import { codeOf } from '../../base/invariant.ts';
import { attachToContainer } from './attach.ts';
import { type Cgroups, type CgroupUsage, detectCgroups } from './cgroup.ts';
import { mustRun } from './command.ts';
import { reopenLog } from './conmon-control.ts';
import { ContainerEnds } from './container-ends.ts';
import { toContainerStatus } from './container-record.ts';
import { Containers } from './containers.ts';
import { type EmbeddedRuntimeOptions, type RuntimePaths, runtimePathsOf } from './embedded-options.ts';
import { ContainerExec } from './exec.ts';
import { ExitFiles } from './exit-files.ts';
import { readHostFacts } from './host-facts.ts';
import { isAlive } from './live-process.ts';
import { ensurePinDirectory } from './namespaces.ts';
import { connectPort } from './port-connection.ts';
import type {
  ContainerConfig,
  ContainerExit,
  ContainerResources,
  ContainerRuntime,
  ContainerStats,
  ContainerStatus,
  ExecRequest,
  ExecResult,
  ExecSession,
  PodSandboxConfig,
  PodSandboxStatus,
  PortConnection,
} from './runtime.ts';
import { toSandboxStatus } from './sandbox.ts';
import { Sandboxes } from './sandboxes.ts';
import { SeccompCache } from './seccomp-cache.ts';
import { Semaphore } from './semaphore.ts';

const defaultParallelism = 8;
/** What is begun is finished first, so that of many pods the first runs early. */
const ranks = { start: 0, create: 1, sandbox: 2 } as const;
/** After SIGKILL the end comes at once, save for a process in uninterruptible sleep. */
const killWaitMs = 30_000;

export async function createEmbeddedRuntime(options: EmbeddedRuntimeOptions): Promise<ContainerRuntime> {
  const paths = runtimePathsOf(options);
  const cgroups = detectCgroups(options.clock);
  const { sandboxes, containers, exits, crunRoot, bundles, shm } = paths;
  await Promise.all(
    [sandboxes, containers, exits, crunRoot, bundles, shm].map((path) => mkdir(path, { recursive: true })),
  );
  await ensurePinDirectory(paths.namespaces);
  await cgroups.ensure(options.cgroupRoot, {});
  await cgroups.ensure(`${options.cgroupRoot}/conmon`, {});
  const version = await crunVersion(options);
  const runtime = new EmbeddedRuntime(options, { paths, cgroups, crunVersion: version });
  await runtime.load();
  return runtime;
}

class EmbeddedRuntime implements ContainerRuntime {
  readonly name = 'crun';
  readonly #options: EmbeddedRuntimeOptions;
  readonly #cgroups: Cgroups;
  readonly #crunVersion: string;
  readonly #sandboxes: Sandboxes;
  readonly #containers: Containers;
  readonly #ends: ContainerEnds;
  readonly #exec: ContainerExec;
  readonly #making: Semaphore;

  constructor(
    options: EmbeddedRuntimeOptions,
    host: { readonly paths: RuntimePaths; readonly cgroups: Cgroups; readonly crunVersion: string },
  ) {
    const { paths, cgroups } = host;
    const seccompCache = new SeccompCache(paths.seccompPrograms, host.crunVersion);
    const { clock, logger } = options;
    const facts = readHostFacts();
    this.#options = options;
    this.#cgroups = cgroups;
    this.#sandboxes = new Sandboxes(options, paths, cgroups);
    const sandboxes = this.#sandboxes;
    this.#crunVersion = host.crunVersion;
    this.#containers = new Containers({ options, paths, cgroups, facts, sandboxes, seccompCache });
    const exitFiles = new ExitFiles(paths.exits);
    this.#ends = new ContainerEnds({ containers: this.#containers, exitFiles, cgroups, clock, logger });
    this.#exec = new ContainerExec({
      crunPath: options.crunPath ?? '/usr/bin/crun',
      crunRoot: paths.crunRoot,
      bundles: paths.bundles,
      clock,
      logger,
    });
    this.#making = new Semaphore(options.parallelism ?? defaultParallelism);
  }

  async load(): Promise<void> {
    await this.#sandboxes.load();
    await this.#containers.load();
    for (const record of this.#containers.list()) {
      if (record.state === 'created') await this.#containers.endUnreleased(record);
    }
  }

  async version(): Promise<string> {
    return `crun://${this.#crunVersion}`;
  }

  async runPodSandbox(config: PodSandboxConfig): Promise<PodSandboxStatus> {
    return toSandboxStatus(await this.#making.run(ranks.sandbox, () => this.#sandboxes.create(config)));
  }

  async stopPodSandbox(sandboxId: string): Promise<void> {
    await this.#sandboxes.stop(sandboxId);
    const running = this.#containers.list().filter((record) => record.sandboxId === sandboxId);
    await Promise.all(running.map((record) => this.#ends.wait(record.id, killWaitMs)));
  }

  async removePodSandbox(sandboxId: string): Promise<void> {
    await this.stopPodSandbox(sandboxId);
    for (const record of this.#containers.list()) {
      if (record.sandboxId === sandboxId) await this.#containers.remove(record.id);
    }
    await this.#sandboxes.remove(sandboxId);
  }

  async listPodSandboxes(): Promise<PodSandboxStatus[]> {
    return this.#sandboxes.list().map(toSandboxStatus);
  }

  async createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    return (await this.#making.run(ranks.create, () => this.#containers.create(sandboxId, config))).id;
  }

  async startContainer(containerId: string): Promise<void> {
    await this.#making.run(ranks.start, () => this.#containers.start(containerId));
    this.#ends.check(containerId);
  }

  async stopContainer(containerId: string, graceMs: number, signal?: string): Promise<void> {
    const record = this.#containers.find(containerId);
    if (record?.state !== 'running') return;
    if (graceMs > 0) {
      this.#signal(containerId, signal ?? record.stopSignal);
      if (await this.#ends.wait(containerId, graceMs)) return;
    }
    this.#signal(containerId, 'SIGKILL');
    if (!(await this.#ends.wait(containerId, killWaitMs))) {
      throw new Error(`container ${containerId} did not end within ${killWaitMs} ms of SIGKILL`);
    }
  }

  #signal(containerId: string, signal: string): void {
    const process_ = this.#containers.find(containerId)?.process;
    if (process_ === undefined || !isAlive(process_)) return;
    try {
      process.kill(process_.pid, signalOf(signal));
    } catch (error) {
      // ESRCH: it has ended in between.
      if (codeOf(error) !== 'ESRCH') throw error;
    }
  }

  removeContainer(containerId: string): Promise<void> {
    return this.#containers.remove(containerId);
  }

  async listContainers(): Promise<ContainerStatus[]> {
    return this.#containers.list().map(toContainerStatus);
  }

  async containerStatus(containerId: string): Promise<ContainerStatus | undefined> {
    const record = this.#containers.find(containerId);
    return record === undefined ? undefined : toContainerStatus(record);
  }

  execSync(containerId: string, command: readonly string[], timeoutMs: number): Promise<ExecResult> {
    return this.#exec.runToEnd(this.#containers.get(containerId), command, timeoutMs);
  }

  exec(containerId: string, request: ExecRequest): Promise<ExecSession> {
    return this.#exec.start(this.#containers.get(containerId), request);
  }

  attach(
    containerId: string,
    request: { readonly stdin: boolean; readonly tty: boolean },
  ): Promise<ExecSession> {
    const record = this.#containers.get(containerId);
    return attachToContainer(record, this.#containers.pathsOf(containerId).bundleDir, request, {
      logger: this.#options.logger,
      ended: (timeoutMs) => this.#ends.wait(containerId, timeoutMs),
      exitCode: () => this.#containers.find(containerId)?.exitCode,
    });
  }

  connectPort(sandboxId: string, port: number): PortConnection {
    return connectPort(this.#sandboxes.namespacesOf(this.#sandboxes.ready(sandboxId)).network, port);
  }

  reopenContainerLog(containerId: string): Promise<void> {
    return reopenLog(this.#containers.pathsOf(containerId).bundleDir);
  }

  async containerStats(containerId: string): Promise<ContainerStats | undefined> {
    const record = this.#containers.find(containerId);
    return record?.state === 'running' ? this.#stats(record.cgroupPath) : undefined;
  }

  async podStats(sandboxId: string): Promise<ContainerStats | undefined> {
    const record = this.#sandboxes.find(sandboxId);
    return record === undefined ? undefined : this.#stats(record.cgroupPath);
  }

  async #stats(cgroupPath: string): Promise<ContainerStats | undefined> {
    const usage: CgroupUsage | undefined = await this.#cgroups.usage(cgroupPath);
    return usage === undefined ? undefined : { timeMs: this.#options.clock.nowMs(), ...usage };
  }

  async updateContainerResources(containerId: string, resources: ContainerResources): Promise<void> {
    await this.#cgroups.apply(this.#containers.get(containerId).cgroupPath, resources);
  }

  async updatePodSandboxResources(sandboxId: string, resources: ContainerResources): Promise<void> {
    await this.#cgroups.apply(this.#sandboxes.ready(sandboxId).cgroupPath, resources);
  }

  onContainerExit(listener: (exit: ContainerExit) => void): void {
    this.#ends.onExit(listener);
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#ends.run(signal);
  }
}

async function crunVersion(options: EmbeddedRuntimeOptions): Promise<string> {
  const { stdout } = await mustRun(options.crunPath ?? '/usr/bin/crun', ['--version']);
  return /version (\S+)/.exec(stdout.toString('utf8'))?.[1] ?? 'unknown';
}

/** `SIGTERM`, `TERM` or a number, as an image's STOPSIGNAL may have it. */
function signalOf(name: string): NodeJS.Signals | number {
  if (/^\d+$/.test(name)) return Number(name);
  const upper = name.toUpperCase();
  return (upper.startsWith('SIG') ? upper : `SIG${upper}`) as NodeJS.Signals;
}
