/**
 * One pod's worker. Every event only wakes it; it then plans from its memory and starts the steps that are not under
 * way. Planning is synchronous, steps are not, so a pod that waits (a pull, a hook, a grace period) still reacts at
 * once to everything else.
 *
 * INVARIANTS: one plan at a time; a step's key is in flight from its start until the memory shows what it did; after
 * every plan the status that follows from the memory is handed to the status writer.
 */
import type { Pod } from '../../api/generated/core-v1.ts';
import type { Timer } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import { podStatusOf } from '../status/pod-status.ts';
import { canonical } from '../status/status-patch.ts';
import { type Allocation, allocatedPod, allocationOf } from './allocation.ts';
import { executeStep } from './execute-step.ts';
import { planPod } from './plan-pod.ts';
import type { Verdict } from './pod-facts.ts';
import type { PodMemory } from './pod-memory.ts';
import { isEnding } from './pod-outcome.ts';
import { PodProbes } from './pod-probes.ts';
import type { PodDependencies, PodReport, PodRun } from './pod-run.ts';
import { containerFieldPath, containerNamed, podLabel } from './pod-spec.ts';
import { mayRestart, restartAtMs } from './restart-decision.ts';
import { type Step, stepKey } from './step.ts';

const failedStepRetryMs = 1_000;
/** Another pod may have ended. */
const resizeRetryMs = 5_000;
/** Node timers hold no longer wait than this. */
const maxTimerMs = 2_000_000_000;

export interface PodWorkerOptions {
  readonly pod: Pod;
  readonly memory: PodMemory;
  readonly dependencies: PodDependencies;
  /** Why the node cannot give the pod what its spec asks for now. */
  readonly resizeRefusal: (pod: Pod) => Verdict | undefined;
  /** Nothing is left of the pod, neither here nor in the API. */
  readonly onGone: () => void;
}

export class PodWorker implements PodRun {
  readonly dependencies: PodDependencies;
  readonly memory: PodMemory;
  readonly #onGone: () => void;
  readonly #logger: Logger;
  readonly #probes: PodProbes;
  readonly #running = new Set<Promise<void>>();
  /** Steps that failed, and when they may be tried again. */
  readonly #retryAtMs = new Map<string, number>();
  readonly #resizeRefusal: PodWorkerOptions['resizeRefusal'];
  /** As the API has it. */
  #wanted: Pod;
  /** With the resources that the node has promised. */
  #pod: Pod;
  #isScheduled = false;
  #isStopped = false;
  #timer: Timer | undefined;

  constructor(options: PodWorkerOptions) {
    this.#wanted = options.pod;
    this.memory = options.memory;
    this.#pod = allocatedPod(this.#wanted, this.#allocation());
    this.#resizeRefusal = options.resizeRefusal;
    this.dependencies = options.dependencies;
    this.#onGone = options.onGone;
    this.#logger = options.dependencies.logger.child({ pod: podLabel(options.pod) });
    this.#probes = new PodProbes(this, () => this.wake());
  }

  get pod(): Pod {
    return this.#pod;
  }

  update(pod: Pod): void {
    const { labels, annotations } = this.#pod.metadata;
    const changed =
      canonical([pod.metadata.labels, pod.metadata.annotations]) !== canonical([labels, annotations]);
    this.#wanted = pod;
    this.#pod = allocatedPod(pod, this.#allocation());
    if (changed) this.refreshVolumes();
    this.wake();
  }

  #allocation(): Allocation {
    this.memory.allocation ??= this.memory.recovered ?? allocationOf(this.#wanted);
    return this.memory.allocation;
  }

  /** Takes up a resize if the node can give what it asks for. @returns when to ask again */
  #settleResize(nowMs: number): number {
    if (this.#pod === this.#wanted || isEnding(this.#wanted, this.memory)) {
      this.memory.resizeRefusal = undefined;
      return Number.POSITIVE_INFINITY;
    }
    const refusal = this.#resizeRefusal(this.#wanted);
    const before = this.memory.resizeRefusal;
    this.memory.resizeRefusal = refusal;
    if (refusal !== undefined) {
      const { reason, message } = refusal;
      if (before?.reason !== reason) this.report({ type: 'Warning', reason: `Resize${reason}`, message });
      return reason === 'Infeasible' ? Number.POSITIVE_INFINITY : nowMs + resizeRetryMs;
    }
    this.memory.allocation = allocationOf(this.#wanted);
    this.memory.resizeFault = undefined;
    this.#pod = this.#wanted;
    this.report({ type: 'Normal', reason: 'ResizeStarted', message: 'Pod resize started' });
    return Number.POSITIVE_INFINITY;
  }

  /** The object is gone from the API. */
  orphan(): void {
    this.memory.isOrphan = true;
    this.wake();
  }

  /** An object that the pod refers to has changed. */
  refreshVolumes(): void {
    for (const [name, fault] of this.memory.faults)
      if (fault.reason === 'CreateContainerConfigError') this.memory.faults.delete(name);
    const nowMs = this.dependencies.clock.nowMs();
    if (this.memory.volumes.state === 'mounted')
      this.memory.volumes = { state: 'mounted', refreshAtMs: nowMs };
    if (this.memory.volumes.state === 'failed')
      this.memory.volumes = { ...this.memory.volumes, retryAtMs: nowMs };
    this.wake();
  }

  /** Plans soon. Many calls in one turn of the event loop are one plan. */
  wake(): void {
    if (this.#isScheduled || this.#isStopped) return;
    this.#isScheduled = true;
    this.dependencies.clock.setImmediate(() => {
      this.#isScheduled = false;
      if (!this.#isStopped) this.#sync();
    });
  }

  /** Stops planning and waits for the steps under way. Containers go on. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#probes.stop();
    await Promise.all(this.#running);
  }

  async refreshContainer(id: string): Promise<void> {
    const { runtime, directories } = this.dependencies;
    const status = await runtime.containerStatus(id);
    if (status === undefined) return;
    const known = this.memory.containers.find((container) => container.id === id);
    if (known?.state === 'exited') return;
    if (status.state === 'exited') {
      const container = containerNamed(this.#pod, status.name)?.spec;
      const message = await directories.terminationMessage(status, container);
      if (message !== '') this.memory.terminationMessages.set(id, message);
    }
    this.memory.putContainer(status);
    if (status.state === 'exited') this.#announceCrashLoop(id);
    this.wake();
  }

  report({ type, reason, message, container }: PodReport): void {
    const fieldPath = container === undefined ? undefined : containerFieldPath(container);
    this.dependencies.events.event({ object: this.#pod, type, reason, message, fieldPath });
  }

  #announceCrashLoop(id: string): void {
    const ended = this.memory.containers.find((container) => container.id === id);
    const container = ended === undefined ? undefined : containerNamed(this.#pod, ended.name);
    if (ended === undefined || container === undefined || isEnding(this.#pod, this.memory)) return;
    if (!mayRestart(this.#pod, container, ended)) return;
    if (restartAtMs(ended) <= this.dependencies.clock.nowMs()) return;
    const message = `Back-off restarting failed container ${ended.name} in pod ${podLabel(this.#pod)}`;
    this.report({ type: 'Warning', reason: 'BackOff', message, container });
  }

  #sync(): void {
    const { clock } = this.dependencies;
    const nowMs = clock.nowMs();
    if (this.memory.endingSinceMs === undefined && isEnding(this.#pod, this.memory))
      this.memory.endingSinceMs = nowMs;
    let wakeAtMs = this.#settleResize(nowMs);
    const steps = planPod(this.#pod, this.memory, nowMs);
    for (const step of steps) {
      if (step.kind === 'wake') wakeAtMs = Math.min(wakeAtMs, step.atMs);
      else wakeAtMs = Math.min(wakeAtMs, this.#start(step, nowMs));
    }
    this.#probes.sync();
    this.#publish(nowMs);
    this.#wakeAt(wakeAtMs, nowMs);
    if (this.memory.isOrphan && this.memory.isCleanedUp) this.#onGone();
  }

  /** @returns when the step may be tried again; infinity when it is under way. */
  #start(step: Step, nowMs: number): number {
    const key = stepKey(step);
    if (this.memory.inFlight.has(key)) return Number.POSITIVE_INFINITY;
    const retryAtMs = this.#retryAtMs.get(key) ?? 0;
    if (retryAtMs > nowMs) return retryAtMs;
    this.memory.inFlight.add(key);
    const running = this.#execute(step, key).finally(() => {
      this.memory.inFlight.delete(key);
      this.#running.delete(running);
      this.wake();
    });
    this.#running.add(running);
    return Number.POSITIVE_INFINITY;
  }

  async #execute(step: Step, key: string): Promise<void> {
    try {
      await executeStep(step, this);
      this.#retryAtMs.delete(key);
    } catch (error) {
      // One pod's failed step is tried again and must not end the agent.
      this.#logger.warn({ err: error, step: key }, messageOf(error));
      this.#retryAtMs.set(key, this.dependencies.clock.nowMs() + failedStepRetryMs);
    }
  }

  #wakeAt(atMs: number, nowMs: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (atMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(maxTimerMs, Math.max(1, atMs - nowMs));
    this.#timer = this.dependencies.clock.setTimer(delayMs, () => this.wake(), { unref: true });
  }

  #publish(nowMs: number): void {
    if (this.memory.isOrphan) return;
    const { statuses, node } = this.dependencies;
    const status = podStatusOf({
      pod: this.#pod,
      facts: this.memory,
      nowMs,
      hostIps: node.facts().hostIps,
      previous: this.memory.lastStatus ?? this.#pod.status,
    });
    this.memory.lastStatus = status;
    const isFinal = this.#hasEnded();
    statuses.submit(this.#pod, status, () => {
      if (!isFinal || this.memory.isFinalStatusWritten) return;
      this.memory.isFinalStatusWritten = true;
      this.wake();
    });
  }

  #hasEnded(): boolean {
    return (
      this.memory.endingSinceMs !== undefined &&
      !this.memory.containers.some(({ state }) => state === 'running') &&
      ![...this.memory.inFlight].some((key) => key.startsWith('startContainer '))
    );
  }
}
