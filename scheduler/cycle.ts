/**
 * The cycle: takes the next pod, decides, assumes the decision and lets the binding run while the next pod is
 * decided. Deciding is synchronous, so no change comes between looking and assuming.
 */
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/invariant.ts';
import type { Logger } from '../base/logger.ts';
import type { EventSink } from '../client/event-recorder.ts';
import type { Binder, BindOutcome } from './binder.ts';
import type { ConditionWriter } from './condition-writer.ts';
import { DiagnosisMemo } from './diagnosis-memo.ts';
import type { QueuedPod, SchedulingQueue } from './queue/scheduling-queue.ts';
import { type SchedulingContext, schedule } from './schedule.ts';
import type { Strategy } from './strategies/strategy.ts';

/** Longest turn of deciding before what has arrived is read. */
const sliceMs = 8;

export interface CycleOptions {
  readonly context: SchedulingContext;
  readonly queue: SchedulingQueue;
  readonly strategies: ReadonlyMap<string, Strategy>;
  readonly binder: Binder;
  readonly conditions: ConditionWriter;
  readonly events: EventSink;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class SchedulingCycle {
  readonly #options: CycleOptions;
  readonly #diagnoses: DiagnosisMemo;

  constructor(options: CycleOptions) {
    this.#options = options;
    this.#diagnoses = new DiagnosisMemo(options.context);
  }

  /** Schedules until `signal` aborts, then waits for the bindings under way. */
  async run(signal: AbortSignal): Promise<void> {
    const { queue, binder, conditions, clock } = this.#options;
    while (!signal.aborted) {
      await queue.whenActive(signal);
      await binder.whenRoom();
      if (signal.aborted) break;
      if (this.#decideForAWhile(signal)) await nextTurn(clock);
    }
    await binder.drain();
    await conditions.drain();
  }

  /** @returns true when time ran out before the pods did. */
  #decideForAWhile(signal: AbortSignal): boolean {
    const { queue, binder, clock } = this.#options;
    const endMs = clock.monotonicMs() + sliceMs;
    while (binder.hasRoom) {
      const next = queue.pop();
      if (next === undefined) return false;
      this.#decide(next, signal);
      if (clock.monotonicMs() >= endMs) return true;
    }
    return false;
  }

  #decide(queued: QueuedPod, signal: AbortSignal): void {
    const { context, strategies, binder } = this.#options;
    const { uid, pod, podClass } = queued;
    const strategy = strategies.get(podClass.schedulerName);
    if (strategy === undefined) return;
    const node = schedule(context, podClass, strategy);
    if (node === undefined) {
      this.#reject(queued);
      return;
    }
    const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
    context.cluster.setPod({ uid, name, podClass, nodeName: node.name, isLive: true, isAssumed: true });
    binder.start(pod, node.name, signal, (outcome) => this.#settle(queued, node.name, outcome));
  }

  #reject({ uid, pod, podClass }: QueuedPod): void {
    const { queue, conditions, events } = this.#options;
    const message = this.#diagnoses.messageFor(podClass);
    queue.parkUnschedulable(uid);
    conditions.report({ pod, reason: 'Unschedulable', message });
    events.event({ object: pod, type: 'Warning', reason: 'FailedScheduling', message, action: 'Scheduling' });
  }

  #settle(queued: QueuedPod, nodeName: string, outcome: BindOutcome): void {
    const { context, queue, events } = this.#options;
    const { uid, pod } = queued;
    switch (outcome.outcome) {
      case 'bound': {
        queue.delete(uid);
        const message = `Successfully assigned ${pod.metadata.namespace}/${pod.metadata.name} to ${nodeName}`;
        events.event({ object: pod, type: 'Normal', reason: 'Scheduled', message, action: 'Binding' });
        return;
      }
      case 'gone':
        context.cluster.forget(uid);
        // Usually the watch has removed it, or is about to.
        queue.retryLater(uid);
        return;
      case 'refused':
        context.cluster.forget(uid);
        this.#reportRefusal(queued, outcome.error);
    }
  }

  #reportRefusal({ uid, pod }: QueuedPod, error: unknown): void {
    const { queue, conditions, events, logger } = this.#options;
    const message = `binding rejected: ${messageOf(error)}`;
    logger.warn({ err: error, pod: `${pod.metadata.namespace}/${pod.metadata.name}` }, 'binding refused');
    // Already deleted from the queue when the pod turned out to have a node.
    if (queue.get(uid) === undefined) return;
    queue.retryLater(uid);
    conditions.report({ pod, reason: 'SchedulerError', message });
    events.event({ object: pod, type: 'Warning', reason: 'FailedScheduling', message, action: 'Binding' });
  }
}

function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.setImmediate(resolve);
  });
}
