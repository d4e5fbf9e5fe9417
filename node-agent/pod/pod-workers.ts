/**
 * All pods of the node: one worker each. Pods come from the API, containers from the runtime; what the runtime has and
 * the API has not is ended and removed.
 */
import type { Node, Pod } from '../../api/generated/core-v1.ts';
import { delay } from '../../base/clock.ts';
import type { Lister } from '../../client/store.ts';
import type { ContainerStatus, PodIdentity, PodSandboxStatus } from '../runtime/runtime.ts';
import { refusalOf } from './admit-pod.ts';
import { recoveredAllocation } from './allocation.ts';
import { graceAnnotation } from './container-config.ts';
import { PodMemory } from './pod-memory.ts';
import type { PodDependencies } from './pod-run.ts';
import { isTerminalPhase } from './pod-spec.ts';
import { PodWorker } from './pod-worker.ts';
import { resizeRefusalOf } from './resize-verdict.ts';

/** How often the runtime is asked what there is, in case that an event was lost. */
const relistPeriodMs = 60_000;
const rejectionPrefix = 'Pod was rejected: ';

export interface PodWorkersOptions {
  readonly dependencies: PodDependencies;
  readonly pods: Lister<Pod>;
  /** The node as it is registered, for admission. */
  readonly node: () => Pick<Node, 'metadata' | 'status'>;
}

export class PodWorkers {
  readonly #options: PodWorkersOptions;
  readonly #workers = new Map<string, PodWorker>();
  #isAdopted = false;

  constructor(options: PodWorkersOptions) {
    this.#options = options;
  }

  get all(): PodWorker[] {
    return [...this.#workers.values()];
  }

  workerOf(namespace: string, name: string): PodWorker | undefined {
    const pod = this.#options.pods.get(namespace, name);
    return pod === undefined ? undefined : this.#workers.get(pod.metadata.uid);
  }

  /** The pod was added or changed in the API. Before `run` has seen what is on the node nothing is started. */
  upsert(pod: Pod): void {
    const worker = this.#workers.get(pod.metadata.uid);
    if (worker !== undefined) worker.update(pod);
    else if (this.#isAdopted) this.#add(pod, [], []);
  }

  remove(pod: Pod): void {
    this.#workers.get(pod.metadata.uid)?.orphan();
  }

  /** Adopts what runs, then follows the runtime until `signal` aborts. The pod lister has synced before. */
  async run(signal: AbortSignal): Promise<void> {
    const { runtime, clock } = this.#options.dependencies;
    runtime.onContainerExit(({ containerId, podUid }) => this.#onExit(podUid, containerId));
    await this.#adopt();
    while (!signal.aborted) {
      await delay(clock, relistPeriodMs, signal);
      if (!signal.aborted) await this.#relist();
    }
    await Promise.all(this.all.map((worker) => worker.stop()));
  }

  /** Objects of this pod changed. */
  refreshVolumes(podUid: string): void {
    this.#workers.get(podUid)?.refreshVolumes();
  }

  #onExit(podUid: string, containerId: string): void {
    const { logger } = this.#options.dependencies;
    this.#workers
      .get(podUid)
      ?.refreshContainer(containerId)
      .catch((error: unknown) =>
        logger.error({ err: error, container: containerId }, 'read an ended container'),
      );
  }

  async #adopt(): Promise<void> {
    const found = await this.#found();
    const pods = this.#options.pods.list();
    this.#isAdopted = true;
    const started = (pod: Pod): number => (found.has(pod.metadata.uid) ? 0 : 1);
    for (const pod of pods.sort((left, right) => started(left) - started(right))) {
      const { sandboxes = [], containers = [] } = found.get(pod.metadata.uid) ?? {};
      this.#add(pod, sandboxes, containers);
    }
    this.#addOrphans(found);
  }

  #addOrphans(found: ReadonlyMap<string, Found>): void {
    for (const [uid, { identity, sandboxes, containers }] of found) {
      if (this.#workers.has(uid)) continue;
      this.#add(unknownPod(identity, containers), sandboxes, containers).orphan();
    }
  }

  #add(pod: Pod, sandboxes: PodSandboxStatus[], containers: ContainerStatus[]): PodWorker {
    const { dependencies } = this.#options;
    const memory = new PodMemory(dependencies.clock.nowMs());
    memory.sandboxes = sandboxes;
    memory.containers = containers;
    if (
      sandboxes.length === 0 &&
      !isTerminalPhase(pod.status?.phase) &&
      pod.metadata.deletionTimestamp === undefined
    )
      memory.verdict = refusalOf({ pod, admitted: this.#admitted(), node: this.#options.node() });
    const { uid } = pod.metadata;
    if (sandboxes.length > 0) memory.recovered = recoveredAllocation(pod);
    const worker = new PodWorker({
      pod,
      memory,
      dependencies,
      resizeRefusal: (resized) =>
        resizeRefusalOf({
          pod: resized,
          admitted: this.#admitted().filter(({ metadata }) => metadata.uid !== uid),
          node: this.#options.node(),
        }),
      onGone: () => this.#forget(uid),
    });
    this.#workers.set(uid, worker);
    if (memory.verdict !== undefined) {
      const { reason, message } = memory.verdict;
      worker.report({ type: 'Warning', reason, message: message.slice(rejectionPrefix.length) });
    }
    worker.wake();
    return worker;
  }

  #admitted(): Pod[] {
    return this.all
      .filter(
        ({ memory, pod }) =>
          memory.verdict === undefined && !isTerminalPhase(pod.status?.phase) && !memory.isCleanedUp,
      )
      .map(({ pod }) => pod);
  }

  #forget(uid: string): void {
    const { dependencies } = this.#options;
    const worker = this.#workers.get(uid);
    if (worker === undefined) return;
    this.#workers.delete(uid);
    dependencies.statuses.forget(uid);
    worker
      .stop()
      .catch((error: unknown) => dependencies.logger.error({ err: error, uid }, 'stop a pod worker'));
  }

  /** Sandboxes and containers that changed without an event, and orphans. */
  async #relist(): Promise<void> {
    const { logger } = this.#options.dependencies;
    try {
      const found = await this.#found();
      this.#addOrphans(found);
      for (const [uid, { sandboxes, containers }] of found) {
        const worker = this.#workers.get(uid);
        if (worker === undefined || worker.memory.inFlight.size > 0 || worker.memory.isCleanedUp) continue;
        worker.memory.sandboxes = sandboxes;
        for (const { id, state } of containers) {
          const known = worker.memory.containers.find((container) => container.id === id);
          if (known?.state !== state) await worker.refreshContainer(id);
        }
        worker.wake();
      }
    } catch (error) {
      // The next round, or an event before it, brings what this one did not.
      logger.warn({ err: error }, 'list sandboxes and containers');
    }
  }

  async #found(): Promise<ReadonlyMap<string, Found>> {
    const { runtime } = this.#options.dependencies;
    const found = new Map<string, Found>();
    for (const sandbox of await runtime.listPodSandboxes()) {
      const entry = found.get(sandbox.pod.uid) ?? { identity: sandbox.pod, sandboxes: [], containers: [] };
      entry.sandboxes.push(sandbox);
      found.set(sandbox.pod.uid, entry);
    }
    for (const container of await runtime.listContainers())
      found.get(container.podUid)?.containers.push(container);
    return found;
  }
}

interface Found {
  readonly identity: PodIdentity;
  readonly sandboxes: PodSandboxStatus[];
  readonly containers: ContainerStatus[];
}

/** Stands for a pod of which only the kernel's half is known: enough to end it within a moment. */
function unknownPod({ uid, namespace, name }: PodIdentity, containers: readonly ContainerStatus[]): Pod {
  const graces = containers.map(({ annotations }) => Number(annotations[graceAnnotation] ?? 1));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { uid, namespace, name, creationTimestamp: '', resourceVersion: '0' },
    spec: { containers: [], terminationGracePeriodSeconds: Math.min(orphanGraceSeconds, ...graces) },
  };
}

const orphanGraceSeconds = 1;
