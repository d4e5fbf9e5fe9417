/**
 * The cycle: takes the next pod, decides, assumes the decision and lets the binding run while the next pod is
 * decided. Deciding is synchronous, so no change comes between looking and assuming.
 */
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/invariant.ts';
import type { Logger } from '../base/logger.ts';
import type { EventSink } from '../client/event-recorder.ts';
import type { BindOutcome } from './binder.ts';
import type { Cluster } from './cache/cluster.ts';
import type { ConditionWriter } from './condition-writer.ts';
import { DiagnosisMemo } from './diagnosis-memo.ts';
import { diagnosisMessage } from './diagnosis-message.ts';
import type { NodeInfo } from './framework/node-info.ts';
import type { PodClass } from './framework/pod-class.ts';
import type { Decision, GroupCycle } from './groups/group-cycle.ts';
import type { SchedulerMetrics } from './metrics.ts';
import type { BoundPod } from './own-bindings.ts';
import type { Preemptor } from './preemption/preemptor.ts';
import type { Profile, Profiles } from './profile.ts';
import type { QueuedPod, SchedulingQueue } from './queue/scheduling-queue.ts';
import { fitsOn, preFilter, type SchedulingContext, schedule } from './schedule.ts';
import type { PodBinder } from './volumes/volume-binder.ts';
import type { Waker } from './waker.ts';

/** Longest turn of deciding before what has arrived is read. */
const sliceMs = 8;

export interface CycleOptions {
  readonly cluster: Cluster;
  readonly queue: SchedulingQueue;
  readonly profiles: Profiles;
  readonly preemptor: Pick<Preemptor, 'attempt' | 'drain'>;
  readonly binder: PodBinder;
  /** Told of room that is free again because a decision came to nothing. */
  readonly waker: Pick<Waker, 'nodeChanged' | 'podsChanged'>;
  readonly groups: Pick<GroupCycle, 'decide' | 'settled'>;
  /** A pod has been bound as it was assumed, and has this version. */
  readonly onBound?: ((bound: BoundPod) => void) | undefined;
  readonly conditions: Pick<ConditionWriter, 'report' | 'drain'>;
  readonly events: EventSink;
  readonly metrics: Pick<SchedulerMetrics, 'attempted' | 'preempted' | 'bound'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class SchedulingCycle {
  readonly #options: CycleOptions;
  readonly #memos = new Map<SchedulingContext, DiagnosisMemo>();

  constructor(options: CycleOptions) {
    this.#options = options;
  }

  /** Schedules until `signal` aborts, then waits for the bindings under way. */
  async run(signal: AbortSignal): Promise<void> {
    const { queue, binder, conditions, preemptor, clock } = this.#options;
    while (!signal.aborted) {
      await queue.whenActive(signal);
      await binder.whenRoom();
      if (signal.aborted) break;
      if (this.#decideForAWhile(signal)) await nextTurn(clock);
    }
    await binder.drain();
    await preemptor.drain();
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
    const { profiles, groups, cluster, clock, metrics, waker } = this.#options;
    if (groups.decide(queued, (decisions) => this.#bindTogether(decisions, signal))) return;
    const startMs = clock.monotonicMs();
    const { uid, pod, podClass } = queued;
    const profile = profiles.get(podClass.schedulerName);
    if (profile === undefined) return;
    // Its own nomination must not stand in its way.
    const nominatedFor = cluster.withdrawNomination(uid);
    const node =
      nominatedNode(profile.context, podClass, nominatedFor) ??
      schedule(profile.context, podClass, profile.strategy);
    if (node === undefined) this.#reject(queued, profile, nominatedFor);
    const seconds = (clock.monotonicMs() - startMs) / 1_000;
    metrics.attempted(node === undefined ? 'unschedulable' : 'scheduled', profile.schedulerName, seconds);
    const holds = node?.name ?? cluster.nominationOf(uid);
    if (nominatedFor !== undefined && nominatedFor !== holds) waker.nodeChanged(nominatedFor);
    if (node === undefined) return;
    const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
    cluster.assume({ uid, name, podClass, nodeName: node.name, isLive: true, isAssumed: true }, node);
    this.#bind(queued, node.name, signal);
  }

  #bind(queued: QueuedPod, nodeName: string, signal: AbortSignal): void {
    const { binder } = this.#options;
    binder.start(queued.pod, nodeName, signal, (outcome, sentMs) =>
      this.#settle(queued, nodeName, outcome, sentMs),
    );
  }

  #bindTogether(decisions: readonly Decision[], signal: AbortSignal): void {
    const placements = decisions.map(({ queued, nodeName }) => ({
      ...{ pod: queued.pod, nodeName },
      settle: (outcome: BindOutcome, sentMs?: number): void => {
        this.#settle(queued, nodeName, outcome, sentMs);
        this.#options.groups.settled(queued.uid);
      },
    }));
    this.#options.binder.startTogether(placements, signal);
  }

  #reject(queued: QueuedPod, profile: Profile, nominatedFor: string | undefined): void {
    const { queue, conditions, events, cluster, preemptor, metrics } = this.#options;
    const { uid, pod, podClass } = queued;
    const diagnosis = this.#memoOf(profile).diagnosisOf(podClass);
    const outcome = preemptor.attempt({ queued, profile, diagnosis, nominatedFor });
    const { nominatedNodeName } = outcome;
    queue.parkUnschedulable(uid);
    // Its victims are still leaving: all has been said, and each of them may wake it.
    if (nominatedNodeName !== undefined && nominatedNodeName === nominatedFor && outcome.victims === 0)
      return;
    if (podClass.mayPreempt) metrics.preempted(nominatedNodeName === undefined ? 0 : outcome.victims);
    const message = diagnosisMessage(
      cluster.nodeCount,
      { counts: diagnosis.counts, everywhere: preFilter(podClass)?.reasons[0] },
      outcome.nominatedNodeName === undefined ? outcome.text : undefined,
    );
    conditions.report({ pod, reason: 'Unschedulable', message, nominatedNodeName: nominatedNodeName ?? '' });
    events.event({ object: pod, type: 'Warning', reason: 'FailedScheduling', message, action: 'Scheduling' });
  }

  #memoOf(profile: Profile): DiagnosisMemo {
    const { context } = profile;
    const memo = this.#memos.get(context) ?? new DiagnosisMemo(context);
    this.#memos.set(context, memo);
    return memo;
  }

  #settle(queued: QueuedPod, nodeName: string, outcome: BindOutcome, sentMs?: number): void {
    const { queue, events, metrics, clock, onBound } = this.#options;
    const { uid, pod, sinceMs, attempts } = queued;
    switch (outcome.outcome) {
      case 'bound': {
        if (outcome.version !== undefined) onBound?.({ uid, nodeName, version: outcome.version });
        queue.delete(uid);
        metrics.bound(attempts, (clock.monotonicMs() - sinceMs) / 1_000);
        const message = `Successfully assigned ${pod.metadata.namespace}/${pod.metadata.name} to ${nodeName}`;
        // Before anything that the node does with it, though the answer may come later.
        const at = { atMs: sentMs, action: 'Binding' };
        events.event({ object: pod, type: 'Normal', reason: 'Scheduled', message, ...at });
        return;
      }
      case 'gone':
      case 'unanswered':
        this.#forget(uid);
        // One that is gone the watch has usually removed, or is about to.
        queue.retryLater(uid);
        return;
      case 'outdated':
        this.#forget(uid);
        queue.putBack(uid);
        return;
      case 'refused':
        this.#forget(uid);
        this.#reportRefusal(queued, outcome.error);
    }
  }

  /** Others may have been told no while it counted; it itself may now go elsewhere, or nowhere. */
  #forget(uid: string): void {
    const { cluster, waker } = this.#options;
    const forgotten = cluster.forget(uid);
    if (forgotten === undefined) return;
    waker.nodeChanged(forgotten.nodeName);
    waker.podsChanged(forgotten.podClass);
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

/** The node whose victims the pod waited for, once it fits there. */
function nominatedNode(
  context: SchedulingContext,
  pod: PodClass,
  nominatedFor: string | undefined,
): NodeInfo | undefined {
  const node = nominatedFor === undefined ? undefined : context.cluster.node(nominatedFor);
  return node !== undefined && fitsOn(context, pod, node) ? node : undefined;
}

function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.setImmediate(resolve);
  });
}
