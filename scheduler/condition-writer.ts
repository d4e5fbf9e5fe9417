/**
 * Writes why a pod has no node into its PodScheduled condition. Of several reports about a pod only the newest is
 * written, and none that says what stands there already. A write is for the version of the pod that was seen: so a pod
 * that somebody has bound meanwhile is not told that it has no node.
 */
import type { Pod, PodCondition } from '../api/generated/core-v1.ts';
import { pods } from '../api/generated/resources.ts';
import { isConflict } from '../api/status-error.ts';
import { type Clock, toTime } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { ApiClient } from '../client/client.ts';

const maxInFlight = 16;
const maxWaiting = 20_000;
/** For a pod that others keep changing. */
const maxTries = 3;

export interface ConditionReport {
  readonly pod: Pod;
  readonly reason: 'Unschedulable' | 'SchedulerError' | 'SchedulingGated';
  readonly message: string;
  /** Where its victims are leaving; empty takes an earlier one away. */
  readonly nominatedNodeName?: string;
}

export interface ConditionWriterOptions {
  readonly client: Pick<ApiClient, 'patch' | 'get'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class ConditionWriter {
  readonly #options: ConditionWriterOptions;
  readonly #waiting = new Map<string, ConditionReport>();
  readonly #inFlight = new Map<string, Promise<void>>();

  constructor(options: ConditionWriterOptions) {
    this.#options = options;
  }

  report(report: ConditionReport): void {
    const { uid } = report.pod.metadata;
    this.#waiting.delete(uid);
    if (saysAlready(report)) return;
    // Beyond the limit the pod's next attempt will report again.
    if (this.#waiting.size >= maxWaiting) return;
    this.#waiting.set(uid, report);
    this.#startNext();
  }

  /** The pod got a node or is gone. */
  withdraw(uid: string): void {
    this.#waiting.delete(uid);
  }

  async drain(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight.values());
  }

  #startNext(): void {
    for (const [uid, report] of this.#waiting) {
      if (this.#inFlight.size >= maxInFlight) return;
      if (this.#inFlight.has(uid)) continue;
      this.#waiting.delete(uid);
      const writing = this.#write(report).finally(() => {
        this.#inFlight.delete(uid);
        this.#startNext();
      });
      this.#inFlight.set(uid, writing);
    }
  }

  async #write(report: ConditionReport): Promise<void> {
    const { client, clock, logger } = this.#options;
    const { metadata } = report.pod;
    const now = toTime(clock.nowMs());
    try {
      for (let current = report.pod, tries = 1; waits(current, report.pod); tries += 1)
        try {
          const type = 'strategic';
          await client.patch(
            pods,
            metadata,
            { type, body: patchOf(report, current, now) },
            { subresource: 'status' },
          );
          return;
        } catch (error) {
          if (!isConflict(error) || tries >= maxTries) throw error;
          current = await client.get(pods, metadata);
        }
    } catch (error) {
      // Only information for the user: the pod's next attempt writes it again.
      logger.debug({ err: error, pod: metadata.name }, 'write PodScheduled condition');
    }
  }
}

const waits = ({ metadata, spec }: Pod, reported: Pod): boolean =>
  metadata.uid === reported.metadata.uid && (spec.nodeName ?? '') === '';

function patchOf(
  { reason, message, nominatedNodeName }: ConditionReport,
  current: Pod,
  now: string,
): unknown {
  const previous = conditionOf(current);
  const condition: PodCondition = {
    type: 'PodScheduled',
    observedGeneration: current.metadata.generation,
    status: 'False',
    reason,
    message,
    lastTransitionTime: previous?.status === 'False' ? previous.lastTransitionTime : now,
  };
  const isNominated = nominationOf(current) === (nominatedNodeName ?? nominationOf(current));
  const { uid, resourceVersion } = current.metadata;
  return {
    metadata: { uid, resourceVersion },
    status: { conditions: [condition], ...(isNominated ? {} : { nominatedNodeName }) },
  };
}

const conditionOf = (pod: Pod): PodCondition | undefined =>
  pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');

const nominationOf = (pod: Pod): string => pod.status?.nominatedNodeName ?? '';

function saysAlready({ pod, reason, message, nominatedNodeName }: ConditionReport): boolean {
  const condition = conditionOf(pod);
  if (nominatedNodeName !== undefined && nominatedNodeName !== nominationOf(pod)) return false;
  if (condition?.status !== 'False' || condition.reason !== reason || condition.message !== message)
    return false;
  // The API server says itself that a pod is gated, of no generation.
  return reason === 'SchedulingGated' || condition.observedGeneration === pod.metadata.generation;
}
