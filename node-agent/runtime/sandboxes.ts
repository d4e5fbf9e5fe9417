import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { secretHex } from '../../base/random.ts';
import type { Cgroups } from './cgroup.ts';
import type { EmbeddedRuntimeOptions, RuntimePaths } from './embedded-options.ts';
import { RuntimeError } from './errors.ts';
import { isAlive } from './live-process.ts';
import { namespacePaths, type PinnedPaths, pinNamespaces, unpinNamespaces } from './namespaces.ts';
import type { SandboxMounts } from './oci-mounts.ts';
import type { SandboxNamespaces } from './oci-spec.ts';
import { mountPoints } from './overlay.ts';
import { removePause, runPause } from './pause.ts';
import type { PodSandboxConfig } from './runtime.ts';
import { parseSandboxRecord, type SandboxRecord, sandboxMountsOf, writeSandboxFiles } from './sandbox.ts';
import { StateFiles } from './state-files.ts';

/** Pod sandboxes: their records, and making and taking down what they stand for. */
export class Sandboxes {
  readonly #options: EmbeddedRuntimeOptions;
  readonly #paths: RuntimePaths;
  readonly #cgroups: Cgroups;
  readonly #files: StateFiles<SandboxRecord>;
  #records = new Map<string, SandboxRecord>();

  constructor(options: EmbeddedRuntimeOptions, paths: RuntimePaths, cgroups: Cgroups) {
    this.#options = options;
    this.#paths = paths;
    this.#cgroups = cgroups;
    this.#files = new StateFiles(paths.sandboxes, 'sandbox.json', parseSandboxRecord);
  }

  /** Takes up what an earlier agent left. A sandbox without its pins (after a reboot) is no longer ready. */
  async load(): Promise<void> {
    this.#records = await this.#files.load(this.#options.logger);
    const mounted = mountPoints();
    for (const record of this.#records.values()) {
      if (record.ready && !this.#isIntact(record, mounted)) await this.#save({ ...record, ready: false });
    }
  }

  list(): SandboxRecord[] {
    return [...this.#records.values()];
  }

  find(id: string): SandboxRecord | undefined {
    return this.#records.get(id);
  }

  /** @throws RuntimeError `SANDBOX_NOT_FOUND`, `SANDBOX_NOT_READY` */
  ready(id: string): SandboxRecord {
    const record = this.#records.get(id);
    if (record === undefined) throw new RuntimeError('SANDBOX_NOT_FOUND', `sandbox ${id} does not exist`);
    if (!record.ready) throw new RuntimeError('SANDBOX_NOT_READY', `sandbox ${id} is not ready`);
    return record;
  }

  async create(config: PodSandboxConfig): Promise<SandboxRecord> {
    const id = secretHex(32);
    const record: SandboxRecord = {
      id,
      config,
      createdAtMs: this.#options.clock.nowMs(),
      ips: [],
      ready: true,
      cgroupPath: `${this.#options.cgroupRoot}/${config.cgroupParent}`,
      pause: undefined,
    };
    await mkdir(this.#files.directoryOf(id), { recursive: true });
    try {
      // On disk before anything is made: what a crash leaves can then be found and removed.
      await this.#save(record);
      return await this.#setUp(record);
    } catch (error) {
      await this.remove(id);
      throw error;
    }
  }

  async #setUp(record: SandboxRecord): Promise<SandboxRecord> {
    const { config, id } = record;
    const pins = this.#pins(id);
    await Promise.all([
      this.#cgroups.ensure(record.cgroupPath, config.resources),
      pinNamespaces(config, pins),
    ]);
    const ips = await this.#attach(record, pins);
    await writeSandboxFiles(config, ips, this.mountsOf(record));
    const pause = config.shareProcessNamespace
      ? await runPause({
          ...this.#pauseOptions(record),
          namespaces: namespacePaths(config, pins.namespaceDir),
        })
      : undefined;
    return this.#save({ ...record, ips, pause });
  }

  async #attach(record: SandboxRecord, pins: PinnedPaths): Promise<readonly string[]> {
    const { pod, hostNetwork, portMappings } = record.config;
    if (hostNetwork) return [];
    const attachment = await this.#options.network.attachPod({
      podUid: pod.uid,
      namespace: pod.namespace,
      name: pod.name,
      netnsPath: `${pins.namespaceDir}/net`,
      portMappings,
    });
    return attachment.ips;
  }

  /** Kills everything in the pod's cgroup and takes network and namespaces down. */
  async stop(id: string): Promise<void> {
    const record = this.#records.get(id);
    if (record === undefined) return;
    await this.#cgroups.kill(record.cgroupPath);
    const successor = this.list().find(
      (other) => other.id !== id && other.ready && other.config.pod.uid === record.config.pod.uid,
    );
    // The network knows pods, not sandboxes: what a younger sandbox of the same pod holds is not ours to free.
    if (!record.config.hostNetwork && successor === undefined) {
      await this.#options.network.detachPod(record.config.pod.uid);
    }
    await unpinNamespaces(this.#pins(id));
    if (record.config.shareProcessNamespace) await removePause(this.#pauseOptions(record));
    if (record.ready) await this.#markNotReady(record);
  }

  /** Not written on a full disk: the pins are gone, from which the next agent sees as much. */
  async #markNotReady(record: SandboxRecord): Promise<void> {
    try {
      await this.#save({ ...record, ready: false, pause: undefined });
    } catch (error) {
      this.#options.logger.error({ err: error, sandbox: record.id }, 'record the stop of a sandbox');
    }
  }

  async remove(id: string): Promise<void> {
    const record = this.#records.get(id);
    if (record === undefined) return;
    await this.stop(id);
    const shared = this.list().some((other) => other.id !== id && other.cgroupPath === record.cgroupPath);
    if (!shared) await this.#cgroups.remove(record.cgroupPath);
    await this.#files.remove(id);
    this.#records.delete(id);
  }

  namespacesOf(record: SandboxRecord): SandboxNamespaces {
    const { config, pause } = record;
    const shared = pause === undefined ? undefined : `/proc/${pause.pid}/ns/pid`;
    return {
      ...namespacePaths(config, this.#pins(record.id).namespaceDir),
      pid: config.hostPid ? 'host' : shared,
    };
  }

  mountsOf(record: SandboxRecord): SandboxMounts {
    return sandboxMountsOf(record.config, this.#files.directoryOf(record.id), this.#pins(record.id).shmDir);
  }

  #pauseOptions(record: SandboxRecord): Omit<Parameters<typeof runPause>[0], 'namespaces'> {
    return {
      id: record.id,
      bundleDir: `${this.#paths.bundles}/${record.id}`,
      cgroupsPath: `${record.cgroupPath}/pause`,
      crunPath: this.#options.crunPath ?? 'crun',
      crunRoot: this.#paths.crunRoot,
      catatonitPath: this.#options.catatonitPath ?? '/usr/bin/catatonit',
    };
  }

  #isIntact(record: SandboxRecord, mounted: ReadonlySet<string>): boolean {
    const { namespaceDir } = this.#pins(record.id);
    const { network, ipc, uts } = namespacePaths(record.config, namespaceDir);
    const pins = [network, ipc, uts].filter((path) => path !== undefined);
    if (pins.some((path) => !mounted.has(path))) return false;
    if (record.config.shareProcessNamespace) return record.pause !== undefined && isAlive(record.pause);
    // On the host's network, ipc and names nothing is pinned: the bundle directory tells whether there was a reboot.
    return pins.length > 0 || existsSync(namespaceDir);
  }

  #pins(id: string): PinnedPaths {
    return { namespaceDir: `${this.#paths.namespaces}/${id}`, shmDir: `${this.#paths.shm}/${id}` };
  }

  async #save(record: SandboxRecord): Promise<SandboxRecord> {
    this.#records.set(record.id, record);
    await this.#files.write(record.id, record);
    return record;
  }
}
