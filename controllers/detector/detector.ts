import type { Node } from '../../api/generated/core-v1.ts';
import { nodes } from '../../api/generated/resources.ts';
import { confirmedWithinMs } from '../../base/beat-renewal.ts';
import { type Clock, delay } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import { TaskGroup } from '../../base/task-group.ts';
import type { ApiClient } from '../../client/client.ts';
import { Informer } from '../../client/informer.ts';
import { JudgingClock } from '../judging-clock.ts';
import { hasTaint, nodeDeadTaint } from '../node-state.ts';
import { BeatListener } from './beat-listener.ts';
import type { BeatSource } from './beat-source.ts';
import {
  createJudgeState,
  hear,
  isListening,
  type JudgeState,
  judge,
  judgePolicy,
  takeOver,
  trackNode,
  untrackNode,
  type Verdict,
  verdictOf,
} from './judge.ts';
import { LeaseRenewals } from './lease-renewals.ts';
import { leastVersionOf } from './least-version.ts';
import { NodeMarker } from './node-marker.ts';
import { guardAnnotation } from './plan-marks.ts';
import { VersionAnswers } from './version-answers.ts';

const tickMs = 50;
const statisticsEveryMs = 60_000;

export interface DetectorOptions {
  readonly client: ApiClient;
  readonly source: BeatSource;
  readonly clusterKey: Buffer;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Listens to the beats of all nodes always, so that it knows them when it comes to lead; judges and writes only while
 * it leads.
 */
export class Detector {
  readonly #options: DetectorOptions;
  readonly #judging: JudgingClock;
  readonly #state: JudgeState;
  readonly #listener: BeatListener;
  readonly #nodes: Informer<Node>;
  readonly #answers: VersionAnswers;
  /** Judging time at which all nodes were known; undefined before. */
  #knownSinceMs: number | undefined;
  /** Set while leading. */
  #marker: NodeMarker | undefined;
  /** Set while leading: another's renewals are the leader's to answer. */
  #renewals: LeaseRenewals | undefined;
  #held = 0;
  /** Whether a verdict was reached since this one leads. */
  #hasJudged = false;

  constructor(options: DetectorOptions) {
    this.#options = options;
    this.#judging = new JudgingClock(options.clock, tickMs);
    this.#state = createJudgeState(0);
    this.#listener = new BeatListener({
      ...{ ...options, slots: this.#state.slots },
      onBeat: (slot, dataPlaneVersion, awaitedVersion) => {
        hear(this.#state, slot, this.#judging.nowMs, dataPlaneVersion);
        if (awaitedVersion === undefined && !this.#answers.isAwaited) return;
        this.#answers.hear(this.#nameOf(slot), awaitedVersion);
        options.source.hurry(this.#answers.isAwaited);
      },
      onRenewal: (slot, sequence, load) => this.#renewals?.hear(this.#nameOf(slot), sequence, load),
    });
    this.#answers = new VersionAnswers({
      clock: options.clock,
      leastVersion: () => this.#leastVersion(),
      answer: (node, version) => this.#listener.answer(node, version),
    });
    this.#nodes = new Informer({ ...options, type: nodes, transform: asJudged });
    this.#nodes.addHandler({
      onAdd: (node) => this.#track(node),
      onUpdate: (_previous, node) => this.#track(node),
      onDelete: ({ metadata }) => {
        const slot = this.#state.slots.slotOf(metadata.name);
        if (slot !== undefined) this.#listener.forget(slot);
        this.#answers.forget(metadata.name);
        untrackNode(this.#state, metadata.name);
      },
    });
  }

  /** Listens until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const group = new TaskGroup(signal);
    group.start((groupSignal) => this.#listener.run(groupSignal));
    group.start((groupSignal) => this.#nodes.run(groupSignal));
    group.start((groupSignal) => this.#logStatistics(groupSignal));
    group.start((groupSignal) => this.#tickUntil(groupSignal));
    await group.join();
    this.#answers.stop();
  }

  /** Judges and marks nodes until `signal` aborts, after a full listening period. */
  async lead(signal: AbortSignal): Promise<void> {
    await this.#nodes.whenSynced(signal);
    const marker = new NodeMarker({
      ...this.#options,
      nodes: this.#nodes,
      verdictOf: (node) => this.#verdictOf(node),
    });
    const enqueue = ({ metadata }: Node): void => marker.enqueue(metadata.name);
    this.#judging.tick();
    takeOver(this.#state, this.#judging.nowMs, (name) => {
      const node = this.#nodes.lister.get(undefined, name);
      return node !== undefined && hasTaint(node, nodeDeadTaint);
    });
    const stopFollowing = this.#nodes.addHandler({
      onAdd: enqueue,
      onUpdate: (_previous, node) => enqueue(node),
    });
    this.#hasJudged = false;
    try {
      this.#marker = marker;
      const confirm = (node: string, sequence: number): void => this.#listener.confirm(node, sequence);
      this.#renewals = new LeaseRenewals({ ...this.#options, confirm });
      await marker.run(signal);
    } finally {
      this.#marker = undefined;
      this.#renewals = undefined;
      stopFollowing();
    }
  }

  #track(node: Node): void {
    const { name, annotations } = node.metadata;
    const slot = trackNode(this.#state, name, {
      hasGuard: annotations?.[guardAnnotation] !== undefined,
      isDead: hasTaint(node, nodeDeadTaint),
    });
    this.#listener.expect(slot);
  }

  #nameOf(slot: number): string {
    return this.#state.slots.nameOf(slot) ?? '';
  }

  /** Undefined until every live node has had the time to beat: a few of them are not the least of all. */
  #leastVersion(): number | undefined {
    const { nowMs } = this.#judging;
    if (this.#knownSinceMs === undefined || nowMs - this.#knownSinceMs < judgePolicy.silentAfterMs) return;
    return leastVersionOf(this.#state, nowMs);
  }

  /** Judging time passes also while another one leads: the least version is over those that live by it. */
  async #tickUntil(signal: AbortSignal): Promise<void> {
    const { clock, logger, source } = this.#options;
    while (!signal.aborted) {
      await delay(clock, tickMs, signal);
      // After a pause the beats of that time are in the socket: hear them before anyone is judged.
      await this.#listener.drain();
      source.hurry(this.#answers.isAwaited);
      const stallMs = this.#judging.tick();
      if (stallMs > tickMs) logger.info({ stallMs: Math.round(stallMs) }, 'stood still, deadlines extended');
      if (this.#nodes.hasSynced) this.#knownSinceMs ??= this.#judging.nowMs;
      if (this.#marker !== undefined) this.#judge(this.#marker);
      if (stallMs >= confirmedWithinMs) this.#renewals?.discard();
      this.#renewals?.flush();
    }
  }

  #verdictOf(node: string): Verdict {
    if (isListening(this.#state, this.#judging.nowMs)) return 'unknown';
    return verdictOf(this.#state, node);
  }

  #judge(marker: NodeMarker): void {
    const { logger } = this.#options;
    if (isListening(this.#state, this.#judging.nowMs)) return;
    // What the leader before us left half written is finished, or taken back.
    if (!this.#hasJudged) for (const { metadata } of this.#nodes.lister.list()) marker.enqueue(metadata.name);
    this.#hasJudged = true;
    const { changes, held } = judge(this.#state, this.#judging.nowMs);
    for (const { node, verdict } of changes) {
      logger.info({ node, verdict }, 'verdict');
      marker.enqueue(node);
    }
    if (held > 0 && this.#held === 0)
      logger.warn({ held }, 'too many nodes silent together, nothing is evicted');
    this.#held = held;
  }

  async #logStatistics(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await delay(this.#options.clock, statisticsEveryMs, signal);
      const { received, accepted } = this.#listener.counters;
      const renewed = this.#renewals?.stored ?? 0;
      this.#options.logger.info({ received, accepted, renewed, nodes: this.#state.slots.size }, 'beats');
    }
  }
}

/** Of a Node only what is judged and marked: the rest, thousands of times, is what the garbage collector would walk through. */
function asJudged({ apiVersion, kind, metadata, spec, status }: Node): Node {
  const { name, uid, resourceVersion, creationTimestamp, annotations } = metadata;
  const guard = annotations?.[guardAnnotation];
  return {
    apiVersion,
    kind,
    metadata: {
      ...{ name, uid, resourceVersion, creationTimestamp },
      ...(guard === undefined ? {} : { annotations: { [guardAnnotation]: guard } }),
    },
    spec: { taints: spec.taints },
    status: { conditions: status?.conditions },
  };
}
