/** Carries out a preemption: tells each victim why, and deletes it with its grace period. */
import type { Pod } from '../../api/generated/core-v1.ts';
import { pods } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import { type Clock, toTime } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { ApiClient } from '../../client/client.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import type { PlacedPod } from '../cache/cluster.ts';

/** Evictions under way at a time: more would only wait in the API server, which refuses what waits too long. */
const maxUnderWay = 64;

export interface EvictorOptions {
  readonly client: Pick<ApiClient, 'patch' | 'delete'>;
  readonly events: EventSink;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Eviction {
  readonly preemptor: Pod;
  readonly nodeName: string;
  readonly victims: readonly PlacedPod[];
  /** Called for every victim that could not be evicted. */
  readonly onFailure: (victim: PlacedPod) => void;
}

export class Evictor {
  readonly #options: EvictorOptions;
  readonly #underWay = new Set<Promise<void>>();
  readonly #waiting: { readonly eviction: Eviction; readonly victim: PlacedPod }[] = [];

  constructor(options: EvictorOptions) {
    this.#options = options;
  }

  start(eviction: Eviction): void {
    for (const victim of eviction.victims) this.#waiting.push({ eviction, victim });
    this.#next();
  }

  async drain(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  #next(): void {
    while (this.#underWay.size < maxUnderWay) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      const evicting = this.#evict(next.eviction, next.victim).finally(() => {
        this.#underWay.delete(evicting);
        this.#next();
      });
      this.#underWay.add(evicting);
    }
  }

  async #evict({ preemptor, nodeName, onFailure }: Eviction, victim: PlacedPod): Promise<void> {
    const { client, clock, events, logger } = this.#options;
    const [namespace = '', name = ''] = victim.name.split('/');
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: `${preemptor.spec.schedulerName ?? 'default-scheduler'}: preempting to accommodate a higher priority pod`,
      lastTransitionTime: toTime(clock.nowMs()),
    };
    const body = { metadata: { uid: victim.uid }, status: { conditions: [condition] } };
    try {
      const target = { namespace, name };
      const pod = await client.patch(pods, target, { type: 'strategic', body }, { subresource: 'status' });
      await client.delete(pods, target, { uid: victim.uid });
      events.event({
        object: pod,
        type: 'Normal',
        reason: 'Preempted',
        message: `Preempted by pod ${preemptor.metadata.uid} on node ${nodeName}`,
        action: 'Preempting',
      });
    } catch (error) {
      // Not found: it left by itself, which is what we want.
      if (isNotFound(error)) return;
      logger.warn({ err: error, pod: victim.name }, 'preempt');
      onFailure(victim);
    }
  }
}
