/**
 * Carries out preemptions: tells each victim why, and begins its deletion with its grace period. Those that are decided
 * in one turn go together by the bulk preemption, one write each; where a server does not have it, each goes alone by
 * a patch of its status and a deletion. What gets no answer is asked again, since it may have been done: a victim that
 * was taken for staying would cost others their lives elsewhere.
 */
import type { Pod } from '../../api/generated/core-v1.ts';
import { pods } from '../../api/generated/resources.ts';
import { isNotFound, StatusError } from '../../api/status-error.ts';
import { type Clock, toTime } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { ApiClient } from '../../client/client.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import { decodeJson, toStatusError } from '../../client/response.ts';
import { isTransportError } from '../../client/transport-error.ts';
import type { PlacedPod } from '../cache/cluster.ts';

/** Requests under way at a time: more would only wait in the API server, which refuses what waits too long. */
const maxRequests = 4;
const maxPodsPerRequest = 100;
/** Of a request without an answer; the client waits for a connection by itself. */
const maxTries = 3;
const bulkKind = { apiVersion: 'coracle.dev/v1', kind: 'BulkPreemption' };
const bulkPath = '/apis/coracle.dev/v1/bulkpreemptions';

export interface EvictorOptions {
  readonly client: Pick<ApiClient, 'patch' | 'delete' | 'request'>;
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

interface Order {
  readonly eviction: Eviction;
  readonly victim: PlacedPod;
}

interface BulkResult {
  readonly code: number;
  readonly reason?: string;
  readonly message?: string;
}

export class Evictor {
  readonly #options: EvictorOptions;
  readonly #underWay = new Set<Promise<void>>();
  readonly #waiting: Order[] = [];
  #flushIsDue = false;
  /** The server turned out not to have it. */
  #hasBulk = true;

  constructor(options: EvictorOptions) {
    this.#options = options;
  }

  start(eviction: Eviction): void {
    for (const victim of eviction.victims) this.#waiting.push({ eviction, victim });
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    // After this turn of deciding, so that what is decided in it goes together.
    queueMicrotask(() => {
      this.#flushIsDue = false;
      this.#next();
    });
  }

  async drain(): Promise<void> {
    while (this.#waiting.length > 0 || this.#underWay.size > 0)
      await (this.#underWay.size > 0 ? Promise.all(this.#underWay) : Promise.resolve());
  }

  #next(): void {
    while (this.#underWay.size < maxRequests && this.#waiting.length > 0) {
      const orders = this.#waiting.splice(0, this.#hasBulk ? maxPodsPerRequest : 1);
      const evicting = this.#evictAll(orders).finally(() => {
        this.#underWay.delete(evicting);
        this.#next();
      });
      this.#underWay.add(evicting);
    }
  }

  async #evictAll(orders: readonly Order[]): Promise<void> {
    let results: readonly BulkResult[] = [];
    try {
      if (this.#hasBulk) results = await untilAnswered(() => this.#postBulk(orders));
    } catch (error) {
      if (isNotFound(error)) this.#hasBulk = false;
      else for (const order of orders) this.#failed(order, error);
      if (this.#hasBulk) return;
    }
    if (this.#hasBulk) for (const [at, order] of orders.entries()) this.#conclude(order, results[at]);
    else for (const order of orders) await this.#evictOne(order);
  }

  async #postBulk(orders: readonly Order[]): Promise<readonly BulkResult[]> {
    const items = orders.map(({ eviction, victim }) => ({
      ...toName(victim),
      uid: victim.uid,
      message: messageFor(eviction),
    }));
    const request = {
      method: 'POST',
      path: bulkPath,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...bulkKind, items }),
    } as const;
    const response = await this.#options.client.request(request);
    if (response.status >= 300) throw toStatusError(request, response);
    const { results = [] } = decodeJson<{ readonly results?: readonly BulkResult[] }>(request, response.body);
    return results;
  }

  #conclude(order: Order, result: BulkResult | undefined): void {
    const { code, reason = 'Unknown', message = 'no result' } = result ?? { code: 500 };
    if (code < 300) this.#tell(order);
    else this.#failed(order, new StatusError({ code, reason, message }));
  }

  async #evictOne(order: Order): Promise<void> {
    const { client, clock } = this.#options;
    const { uid } = order.victim;
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: messageFor(order.eviction),
      lastTransitionTime: toTime(clock.nowMs()),
    };
    const body = { metadata: { uid }, status: { conditions: [condition] } };
    try {
      const target = toName(order.victim);
      await untilAnswered(async () => {
        await client.patch(pods, target, { type: 'strategic', body }, { subresource: 'status' });
        await client.delete(pods, target, { uid });
      });
      this.#tell(order);
    } catch (error) {
      this.#failed(order, error);
    }
  }

  #tell({ eviction: { preemptor, nodeName }, victim }: Order): void {
    const metadata = { ...toName(victim), uid: victim.uid, resourceVersion: '', creationTimestamp: '' };
    this.#options.events.event({
      object: { apiVersion: 'v1', kind: 'Pod', metadata },
      type: 'Normal',
      reason: 'Preempted',
      message: `Preempted by pod ${preemptor.metadata.uid} on node ${nodeName}`,
      action: 'Preempting',
    });
  }

  #failed({ eviction, victim }: Order, error: unknown): void {
    // Not found: it left by itself, which is what we want.
    if (isNotFound(error)) return;
    this.#options.logger.warn({ err: error, pod: victim.name }, 'preempt');
    eviction.onFailure(victim);
  }
}

async function untilAnswered<V>(ask: () => Promise<V>): Promise<V> {
  for (let tries = 1; ; tries += 1)
    try {
      return await ask();
    } catch (error) {
      if (!isTransportError(error) || tries >= maxTries) throw error;
    }
}

const messageFor = ({ preemptor }: Eviction): string =>
  `${preemptor.spec.schedulerName ?? 'default-scheduler'}: preempting to accommodate a higher priority pod`;

function toName({ name: key }: PlacedPod): { readonly namespace: string; readonly name: string } {
  const [namespace = '', name = ''] = key.split('/');
  return { namespace, name };
}
