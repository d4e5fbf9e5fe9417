import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../../base/invariant.ts';
import { secretHex } from '../../base/random.ts';
import { capabilitiesFor } from './capabilities.ts';
import type { Cgroups } from './cgroup.ts';
import { mustRun } from './command.ts';
import { createWithConmon } from './conmon.ts';
import {
  type BundlePaths,
  mountRootfs,
  readAccountFiles,
  removeBundle,
  writeSpec,
} from './container-bundle.ts';
import { type ContainerRecord, parseContainerRecord, withStartError } from './container-record.ts';
import type { EmbeddedRuntimeOptions, RuntimePaths } from './embedded-options.ts';
import { RuntimeError } from './errors.ts';
import {
  allowedOomScoreAdj,
  type HostFacts,
  hostDevices,
  resolveDevices,
  SeccompProfiles,
} from './host-facts.ts';
import { resolveUser, verifyNonRoot } from './image-user.ts';
import { identifyProcess } from './live-process.ts';
import { toOciSpec } from './oci-spec.ts';
import type { OciSpec } from './oci-types.ts';
import type { RunnableImage } from './runnable-image.ts';
import type { ContainerConfig, ContainerUser } from './runtime.ts';
import type { SandboxRecord } from './sandbox.ts';
import type { Sandboxes } from './sandboxes.ts';
import type { OciSeccomp } from './seccomp.ts';
import type { SeccompCache } from './seccomp-cache.ts';
import { StateFiles } from './state-files.ts';

export interface ContainersDependencies {
  readonly options: EmbeddedRuntimeOptions;
  readonly paths: RuntimePaths;
  readonly cgroups: Cgroups;
  readonly facts: HostFacts;
  readonly sandboxes: Sandboxes;
  readonly seccompCache: SeccompCache;
}

/** Containers: their records, and making, starting and removing them. */
export class Containers {
  readonly #deps: ContainersDependencies;
  readonly #files: StateFiles<ContainerRecord>;
  readonly #profiles: SeccompProfiles;
  /** Of containers between create and start. */
  readonly #newSpecs = new Map<string, OciSpec>();
  #records = new Map<string, ContainerRecord>();

  constructor(deps: ContainersDependencies) {
    this.#deps = deps;
    this.#files = new StateFiles(deps.paths.containers, 'container.json', parseContainerRecord);
    this.#profiles = new SeccompProfiles(deps.facts.architecture);
  }

  async load(): Promise<void> {
    this.#records = await this.#files.load(this.#deps.options.logger);
  }

  list(): ContainerRecord[] {
    return [...this.#records.values()];
  }

  find(id: string): ContainerRecord | undefined {
    return this.#records.get(id);
  }

  /** @throws RuntimeError `CONTAINER_NOT_FOUND` */
  get(id: string): ContainerRecord {
    const record = this.#records.get(id);
    if (record === undefined) throw new RuntimeError('CONTAINER_NOT_FOUND', `container ${id} does not exist`);
    return record;
  }

  async save(record: ContainerRecord): Promise<ContainerRecord> {
    this.#records.set(record.id, record);
    await this.#files.write(record.id, record);
    return record;
  }

  pathsOf(id: string): BundlePaths {
    const containerDir = this.#files.directoryOf(id);
    return { bundleDir: `${this.#deps.paths.bundles}/${id}`, containerDir, rootfs: `${containerDir}/rootfs` };
  }

  /** Everything short of a process: root, configuration, record. */
  async create(sandboxId: string, config: ContainerConfig): Promise<ContainerRecord> {
    const sandbox = this.#deps.sandboxes.ready(sandboxId);
    const image = await this.#deps.options.images.runnableImage(config.imageId);
    const where = { pod: sandbox.config.pod, container: config.name };
    verifyNonRoot(config.security, image.config.user, where);
    const id = secretHex(32);
    const paths = this.pathsOf(id);
    try {
      await mountRootfs(paths, image.layerDirs);
      const spec = await this.#specOf(id, sandbox, config, image);
      await writeSpec(paths, await this.#deps.seccompCache.withProgram(spec));
      this.#newSpecs.set(id, spec);
      const record = this.#recordOf(id, sandbox, config, { image, spec });
      await mkdir(dirname(record.logPath), { recursive: true });
      return await this.save(record);
    } catch (error) {
      // Where the record could not be written there is no container.
      this.#records.delete(id);
      this.#newSpecs.delete(id);
      await removeBundle(paths);
      throw error;
    }
  }

  /** @throws what conmon and crun said; the container is then `exited` with reason `StartError`. */
  async start(id: string): Promise<ContainerRecord> {
    const record = this.get(id);
    if (record.state !== 'created') {
      throw new RuntimeError('CONTAINER_NOT_CREATED', `container ${id} is ${record.state}`);
    }
    try {
      const pid = await this.#createProcess(record);
      // Taken while it waits: once released it may be gone before we look.
      const process = identifyProcess(pid) ?? { pid, startTicks: 0 };
      await this.#learnFilter(id);
      await this.#releaseProcess(id);
      const startedAtMs = this.#deps.options.clock.nowMs();
      return await this.save({ ...record, state: 'running', process, startedAtMs });
    } catch (error) {
      const failed = withStartError(record, messageOf(error), this.#deps.options.clock.nowMs());
      await this.save(failed).catch((unwritten: unknown) =>
        this.#deps.options.logger.error({ err: unwritten, container: id }, 'record a failed start'),
      );
      throw error;
    }
  }

  async remove(id: string): Promise<void> {
    const record = this.#records.get(id);
    if (record === undefined) return;
    if (record.state === 'running') throw new RuntimeError('CONTAINER_RUNNING', `container ${id} is running`);
    const { cgroups, paths } = this.#deps;
    await cgroups.kill(record.cgroupPath);
    await removeBundle(this.pathsOf(id));
    await rm(`${paths.crunRoot}/${id}`, { recursive: true, force: true });
    await rm(`${paths.exits}/${id}`, { force: true });
    await cgroups.remove(record.cgroupPath);
    this.#records.delete(id);
    this.#newSpecs.delete(id);
  }

  #createProcess(record: ContainerRecord): Promise<number> {
    const { options, paths, cgroups } = this.#deps;
    return createWithConmon({
      conmonPath: options.conmonPath ?? '/usr/bin/conmon',
      crunPath: options.crunPath ?? '/usr/bin/crun',
      crunRoot: paths.crunRoot,
      containerId: record.id,
      name: record.name,
      bundleDir: this.pathsOf(record.id).bundleDir,
      exitDir: paths.exits,
      logFile: record.logPath,
      tty: record.tty,
      stdin: record.stdin,
      leaveStdinOpen: record.leaveStdinOpen,
      // conmon beside the pods: the end of the agent's own cgroup must not be its end.
      onSpawn: (pid) => cgroups.adopt(`${options.cgroupRoot}/conmon`, pid),
    });
  }

  async #learnFilter(id: string): Promise<void> {
    const { paths, seccompCache } = this.#deps;
    const spec = this.#newSpecs.get(id);
    this.#newSpecs.delete(id);
    if (spec !== undefined) await seccompCache.learn(spec, `${paths.crunRoot}/${id}/seccomp.bpf`);
  }

  /**
   * `crun start` without the process: the container waits to read from a fifo, whose absence then says that it runs.
   * Where a crun keeps it elsewhere, crun itself does it.
   */
  async #releaseProcess(id: string): Promise<void> {
    const { paths, options } = this.#deps;
    const fifo = `${paths.crunRoot}/${id}/exec.fifo`;
    if (!existsSync(fifo)) {
      await mustRun(options.crunPath ?? '/usr/bin/crun', [`--root=${paths.crunRoot}`, 'start', id]);
      return;
    }
    await writeFile(fifo, 'x', { flag: 'w' });
    await rm(fifo, { force: true });
  }

  async #specOf(
    id: string,
    sandbox: SandboxRecord,
    config: ContainerConfig,
    image: RunnableImage,
  ): Promise<OciSpec> {
    const { cgroups, facts, sandboxes } = this.#deps;
    const { rootfs } = this.pathsOf(id);
    const capabilities = capabilitiesFor(config.security, facts.capabilities);
    const target = config.targetContainerId === undefined ? undefined : this.get(config.targetContainerId);
    const namespaces = sandboxes.namespacesOf(sandbox);
    return toOciSpec({
      config,
      image: image.config,
      rootfs,
      hostname: sandbox.config.hostname,
      user: resolveUser(config.security, image.config.user, await readAccountFiles(rootfs)),
      capabilities,
      seccomp: this.#seccompOf(config, capabilities),
      namespaces:
        target?.process === undefined
          ? namespaces
          : { ...namespaces, pid: `/proc/${target.process.pid}/ns/pid` },
      sandboxMounts: sandboxes.mountsOf(sandbox),
      cgroupsPath: `${sandbox.cgroupPath}/${id}`,
      cgroupVersion: cgroups.version,
      limitsSwap: cgroups.limitsSwap,
      oomScoreAdj: this.#oomScoreAdjOf(config),
      devices: resolveDevices(
        config.security.privileged ? [...hostDevices(), ...config.devices] : config.devices,
      ),
    });
  }

  #oomScoreAdjOf(config: ContainerConfig): number | undefined {
    const wanted = config.resources.oomScoreAdj;
    const allowed = allowedOomScoreAdj(wanted, this.#deps.facts);
    if (allowed !== wanted) {
      this.#deps.options.logger.warn(
        { container: config.name, wanted, allowed },
        'the oom score adjustment is raised: lowering it takes CAP_SYS_RESOURCE',
      );
    }
    return allowed;
  }

  #seccompOf(config: ContainerConfig, capabilities: readonly string[]): OciSeccomp | undefined {
    const { seccomp, privileged } = config.security;
    const { options } = this.#deps;
    if (privileged || seccomp === 'Unconfined') return undefined;
    if (seccomp !== 'RuntimeDefault') {
      return this.#profiles.load(
        `${options.localhostProfileDir ?? ''}/${seccomp.localhostProfile}`,
        capabilities,
      );
    }
    if (options.seccompProfilePath === undefined) return undefined;
    return this.#profiles.load(options.seccompProfilePath, capabilities);
  }

  #recordOf(
    id: string,
    sandbox: SandboxRecord,
    config: ContainerConfig,
    made: { readonly image: RunnableImage; readonly spec: OciSpec },
  ): ContainerRecord {
    return {
      id,
      sandboxId: sandbox.id,
      podUid: sandbox.config.pod.uid,
      name: config.name,
      attempt: config.attempt,
      state: 'created',
      process: undefined,
      createdAtMs: this.#deps.options.clock.nowMs(),
      startedAtMs: undefined,
      finishedAtMs: undefined,
      exitCode: undefined,
      reason: undefined,
      message: undefined,
      image: config.image,
      imageId: config.imageId,
      user: containerUserOf(made.spec),
      logPath: `${sandbox.config.logDirectory}/${config.logPath}`,
      annotations: config.annotations,
      cgroupPath: made.spec.linux.cgroupsPath,
      stopSignal: made.image.config.stopSignal ?? 'SIGTERM',
      tty: config.tty,
      stdin: config.stdin,
      leaveStdinOpen: config.stdin && !config.stdinOnce,
      sharesPidNamespace: made.spec.linux.namespaces.every(
        ({ type, path }) => type !== 'pid' || path !== undefined,
      ),
    };
  }

  /** Ends a container whose start was cut short by the agent's own end. */
  async endUnreleased(record: ContainerRecord): Promise<void> {
    if (!existsSync(`${this.pathsOf(record.id).bundleDir}/pid`)) return;
    await this.#deps.cgroups.kill(record.cgroupPath);
    const message = 'the agent ended while the container was being started';
    await this.save(withStartError(record, message, this.#deps.options.clock.nowMs()));
  }
}

function containerUserOf({ process: { user } }: OciSpec): ContainerUser {
  return { uid: user.uid, gid: user.gid, supplementalGroups: user.additionalGids ?? [] };
}
