import { type Clock, delay } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Cgroups } from './cgroup.ts';
import { type ContainerRecord, withEnd } from './container-record.ts';
import type { Containers } from './containers.ts';
import type { ExitFiles } from './exit-files.ts';
import { isAlive } from './live-process.ts';
import type { ContainerExit } from './runtime.ts';

/** How often the runtime looks for containers whose conmon cannot tell of their end. */
const lostContainerPollMs = 2_000;

/**
 * How containers end: conmon's exit file, or, when conmon is no more, a process that is no more. Records the end and
 * tells the listeners, once per container.
 */
export class ContainerEnds {
  readonly #containers: Containers;
  readonly #exitFiles: ExitFiles;
  readonly #cgroups: Cgroups;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #listeners: ((exit: ContainerExit) => void)[] = [];
  readonly #waiting = new Map<string, (() => void)[]>();
  readonly #underWay = new Set<string>();
  #suspects = new Set<string>();

  constructor(deps: {
    readonly containers: Containers;
    readonly exitFiles: ExitFiles;
    readonly cgroups: Cgroups;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#containers = deps.containers;
    this.#exitFiles = deps.exitFiles;
    this.#cgroups = deps.cgroups;
    this.#clock = deps.clock;
    this.#logger = deps.logger;
  }

  onExit(listener: (exit: ContainerExit) => void): void {
    this.#listeners.push(listener);
  }

  async run(signal: AbortSignal): Promise<void> {
    const watching = this.#exitFiles.run(signal, (id) => this.check(id));
    await Promise.all([watching, this.#findLost(signal)]);
  }

  /** Resolves when the container has ended, or after `timeoutMs`: whether it has. */
  wait(id: string, timeoutMs: number): Promise<boolean> {
    if (!this.#isRunning(id)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(timeoutMs, () => resolve(false));
      const waiting = this.#waiting.get(id) ?? [];
      waiting.push(() => {
        timer.cancel();
        resolve(true);
      });
      this.#waiting.set(id, waiting);
    });
  }

  /** Looks for the container's exit file. The start calls it too: a short process ends before it is recorded. */
  check(id: string): void {
    if (!this.#isRunning(id) || this.#underWay.has(id)) return;
    this.#underWay.add(id);
    this.#take(id)
      .catch((error: unknown) => this.#logger.error({ err: error, container: id }, 'recording an exit'))
      .finally(() => this.#underWay.delete(id));
  }

  async #take(id: string): Promise<void> {
    const exit = await this.#exitFiles.read(id);
    const record = this.#containers.find(id);
    if (exit === undefined || record?.state !== 'running') return;
    await this.#end(record, { exitCode: exit.exitCode, finishedAtMs: exit.finishedAtMs });
  }

  async #end(
    record: ContainerRecord,
    end: { readonly exitCode: number | undefined; readonly finishedAtMs: number },
  ): Promise<void> {
    const oomKilled = (await this.#cgroups.oomKills(record.cgroupPath)) > 0;
    // Without a PID namespace of its own its other processes live on; with one the kernel has ended them.
    if (record.sharesPidNamespace) await this.#cgroups.kill(record.cgroupPath);
    const isSaved = await this.#save(withEnd(record, { ...end, oomKilled }));
    for (const wake of this.#waiting.get(record.id) ?? []) wake();
    this.#waiting.delete(record.id);
    for (const listener of this.#listeners) listener({ containerId: record.id, podUid: record.podUid });
    if (isSaved) await this.#exitFiles.forget(record.id);
  }

  /** On a full disk the end is in memory only; the exit file stays, from which the next agent learns it. */
  async #save(record: ContainerRecord): Promise<boolean> {
    try {
      await this.#containers.save(record);
      return true;
    } catch (error) {
      this.#logger.error({ err: error, container: record.id }, 'record the end of a container');
      return false;
    }
  }

  /** A container is lost when its process is gone in two looks and no exit file came in between. */
  async #findLost(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const gone = this.#containers
        .list()
        .filter((record) => record.state === 'running' && record.process !== undefined)
        .filter((record) => record.process !== undefined && !isAlive(record.process));
      for (const record of gone) {
        if (this.#suspects.has(record.id)) await this.#giveUp(record);
        else this.check(record.id);
      }
      this.#suspects = new Set(gone.map((record) => record.id));
      await delay(this.#clock, lostContainerPollMs, signal);
    }
  }

  async #giveUp(record: ContainerRecord): Promise<void> {
    const exit = await this.#exitFiles.read(record.id);
    if (exit !== undefined) return this.check(record.id);
    if (this.#containers.find(record.id)?.state !== 'running') return;
    this.#logger.warn({ container: record.id }, 'a container ended and nobody saw its exit code');
    await this.#end(record, { exitCode: undefined, finishedAtMs: this.#clock.nowMs() });
  }

  #isRunning(id: string): boolean {
    return this.#containers.find(id)?.state === 'running';
  }
}
