/**
 * Moves pods when another node would serve them clearly better, or says that it would: after a node has come back, or
 * when load has shifted for good. One move at a time, and only while the cluster is at rest.
 */
import type { Node, Pod } from '../../api/generated/core-v1.ts';
import { pods } from '../../api/generated/resources.ts';
import { onAbort } from '../../base/abort.ts';
import { type Clock, delay } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import type { ApiClient } from '../../client/client.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import type { ReflectorSink } from '../../client/reflector.ts';
import type { Cluster } from '../cache/cluster.ts';
import type { PodClass } from '../framework/pod-class.ts';
import type { Profiles } from '../profile.ts';
import type { SchedulingContext } from '../schedule.ts';
import { Balance } from './balance.ts';
import type { RebalanceMode, RebalanceSettings } from './mode.ts';
import { type MoveOutcome, Mover } from './mover.ts';
import type { Move } from './next-move.ts';
import { NodeHealth } from './node-health.ts';
import { PodSightings } from './pod-sightings.ts';

const longestRoundMs = 10_000;
const roundsPerSettling = 4;
/** Pods that are asked about in one round. */
const maxTries = 16;

export interface RebalancerOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: EventSink;
  readonly cluster: Cluster;
  readonly profiles: Profiles;
  readonly modeOf: (schedulerName: string) => RebalanceMode;
  readonly settings: RebalanceSettings;
  /** Pods that are about to be placed. */
  readonly waiting: () => number;
  readonly onOutcome: (outcome: MoveOutcome['outcome'] | 'advised') => void;
}

export class Rebalancer {
  readonly #options: RebalancerOptions;
  readonly #health = new NodeHealth();
  readonly #balance: Balance;
  #sightings: PodSightings | undefined;
  /** The move under way. */
  #current: { readonly move: Move; readonly trouble: AbortController } | undefined;
  #lastMoveMs = Number.NEGATIVE_INFINITY;

  constructor(options: RebalancerOptions) {
    this.#options = options;
    const { cluster, settings } = options;
    this.#balance = new Balance({
      cluster,
      settleMs: settings.settleMs,
      contextOf: (pod) => this.#contextOf(pod),
      isWell: ({ name }) => this.#health.isWell(name),
    });
  }

  /** Sees what the watch of pods tells, and passes it on. */
  watchingPods(next: ReflectorSink<Pod>): ReflectorSink<Pod> {
    this.#sightings = new PodSightings(next);
    return this.#sightings;
  }

  /** Sees what the watch of nodes tells, and passes it on. */
  watchingNodes(next: ReflectorSink<Node>): ReflectorSink<Node> {
    return {
      upsert: (node) => {
        next.upsert(node);
        this.#see(node);
      },
      remove: (node) => {
        next.remove(node);
        this.#health.forget(node.metadata.name, this.#options.clock.monotonicMs());
      },
      replace: (nodes, resourceVersion) => {
        next.replace(nodes, resourceVersion);
        this.#health.retain(
          nodes.map(({ metadata }) => metadata.name),
          this.#options.clock.monotonicMs(),
        );
        for (const node of nodes) this.#see(node);
      },
    };
  }

  /** While this process leads. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, settings } = this.#options;
    const roundMs = Math.min(longestRoundMs, settings.settleMs / roundsPerSettling);
    while (!signal.aborted) {
      await delay(clock, roundMs, signal);
      if (signal.aborted) return;
      try {
        await this.#round(signal);
      } catch (error) {
        // The next round begins anew; a mark that was left behind runs out by itself.
        if (!signal.aborted) logger.warn({ err: error }, 'rebalance');
      }
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { clock, settings, waiting, profiles, modeOf } = this.#options;
    const nowMs = clock.monotonicMs();
    if (![...profiles.keys()].some((name) => modeOf(name) !== 'off')) return;
    this.#balance.observe(nowMs);
    // With thousands of nodes each of the two is work for a turn.
    await new Promise<void>((resolve) => void clock.setImmediate(resolve));
    if (signal.aborted) return;
    if (this.#health.unrest(settings.settleMs, nowMs) !== undefined || waiting() > 0) return;
    const move = await this.#nextAllowed();
    if (move === undefined || signal.aborted) return;
    if (modeOf(move.pod.podClass.schedulerName) === 'advise') await this.#advise(move);
    else if (nowMs - this.#lastMoveMs >= 60_000 / settings.movesPerMinute) await this.#move(move, signal);
  }

  /** Who the search finds may still have to stay, which only a look at the pod and its owner shows. */
  async #nextAllowed(): Promise<Move | undefined> {
    for (let tries = 0; tries < maxTries; tries += 1) {
      const move = this.#balance.next();
      const objection = move && (await this.#mover().objection(move));
      if (move === undefined || objection === undefined) return move;
      this.#options.onOutcome(objection.outcome);
      this.#balance.refuse(move.pod, objection.what);
    }
    return undefined;
  }

  async #advise(move: Move): Promise<void> {
    const { onOutcome, logger } = this.#options;
    // One advice for an owner is enough: after that move all would be judged anew.
    this.#balance.refuse(move.pod, 'owner');
    onOutcome('advised');
    logger.info({ pod: move.pod.name, from: move.from, to: move.to, for: move.reason }, 'would move');
    await this.#report(move, 'RebalanceAdvised', `would move from ${move.from} to ${move.to}`);
  }

  async #move(move: Move, signal: AbortSignal): Promise<void> {
    const { clock, logger, onOutcome } = this.#options;
    const { pod, from, to } = move;
    const trouble = new AbortController();
    const stopListening = onAbort(signal, () => trouble.abort('the scheduler stops'));
    this.#current = { move, trouble };
    try {
      const outcome = await this.#mover().carryOut(move, trouble.signal);
      onOutcome(outcome.outcome);
      if (outcome.outcome === 'refused') {
        this.#balance.refuse(pod, outcome.what);
        return;
      }
      this.#lastMoveMs = clock.monotonicMs();
      logger.info({ pod: pod.name, from, to, ...outcome }, 'rebalance');
      if (outcome.outcome === 'given up') {
        this.#balance.refuse(pod, 'owner');
        await this.#report(move, 'RebalanceGivenUp', `stays on ${from}: ${outcome.reason}`);
      } else this.#balance.moved({ pod, to: outcome.to });
    } catch (error) {
      this.#balance.refuse(pod, 'owner');
      throw new Error(`move pod ${pod.name} from ${from}: ${messageOf(error)}`, { cause: error });
    } finally {
      this.#current = undefined;
      stopListening();
    }
  }

  #mover(): Mover {
    const { client, clock, cluster } = this.#options;
    const sightings = this.#sightings ?? new PodSightings({ upsert() {}, remove() {}, replace() {} });
    return new Mover({ client, clock, cluster, sightings });
  }

  async #report({ pod, reason }: Move, event: string, what: string): Promise<void> {
    const [namespace = '', name = ''] = pod.name.split('/');
    const object = await this.#options.client.get(pods, { namespace, name });
    const why = reason === 'spread' ? 'fewer replicas of its owner are there' : 'there is less load';
    const message = `${what}${event === 'RebalanceAdvised' ? `: ${why}` : ''}`;
    this.#options.events.event({ object, type: 'Normal', reason: event, message, action: 'Rebalancing' });
  }

  #see(node: Node): void {
    const { name } = node.metadata;
    const fellIll = this.#health.see(node, this.#options.clock.monotonicMs());
    const current = this.#current;
    if (current === undefined) return;
    const { from, to } = current.move;
    if (fellIll) current.trouble.abort(`node ${name} is in trouble`);
    else if (node.spec?.unschedulable === true && (name === from || name === to))
      current.trouble.abort(`node ${name} was cordoned`);
  }

  /** Only where the scorer decides: who goes round or draws lots does not mind where its pods are. */
  #contextOf({ schedulerName }: PodClass): SchedulingContext | undefined {
    const { profiles, modeOf } = this.#options;
    const profile = profiles.get(schedulerName);
    const isMoved = modeOf(schedulerName) !== 'off' && profile?.strategy.name === 'least-loaded';
    return isMoved ? profile?.context : undefined;
  }
}
