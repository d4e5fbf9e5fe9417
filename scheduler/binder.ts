/**
 * Tells the API server where pods go. A single pod goes by the standard `pods/binding`; pods that are decided in one
 * turn go together by the bulk binding, which stores a hundred of them in one transaction, each on its own
 * condition. What became of a binding is always found out: when no answer came, the pod is read until it shows.
 *
 * INVARIANTS: every started binding is settled exactly once; at most `maxUnsettled` are unsettled.
 */
import type { Pod } from '../api/generated/core-v1.ts';
import { pods } from '../api/generated/resources.ts';
import { isNotFound, StatusError } from '../api/status-error.ts';
import { type BackoffPolicy, backoffMs } from '../base/backoff.ts';
import { type Clock, delay } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { ApiClient } from '../client/client.ts';
import { decodeJson, toStatusError } from '../client/response.ts';
import { isTransportError } from '../client/transport-error.ts';

const maxUnsettled = 1_000;
const maxRequests = 8;
const maxPodsPerRequest = 100;
const bulkPath = '/apis/coracle.dev/v1/bulkbindings';
const lookAgain: BackoffPolicy = { initialMs: 100, maxMs: 2_000, factor: 2, jitter: 0.5 };

export type BindOutcome =
  | { readonly outcome: 'bound' }
  /** Deleted meanwhile. */
  | { readonly outcome: 'gone' }
  | { readonly outcome: 'refused'; readonly error: unknown };

export interface BinderOptions {
  readonly client: Pick<ApiClient, 'createSubresource' | 'get' | 'request'>;
  readonly clock: Clock;
  readonly random: Random;
}

interface Order {
  readonly pod: Pod;
  readonly nodeName: string;
  /** Ends only the search for an outcome. */
  readonly signal: AbortSignal;
  readonly settle: (outcome: BindOutcome) => void;
}

interface BulkResult {
  readonly code: number;
  readonly reason?: string;
  readonly message?: string;
}

export class Binder {
  readonly #options: BinderOptions;
  #waiting: Order[] = [];
  #flushIsDue = false;
  #requests = 0;
  #unsettled = 0;
  /** The server turned out not to have it. */
  #hasBulk = true;
  readonly #watchers = new Set<() => void>();

  constructor(options: BinderOptions) {
    this.#options = options;
  }

  get hasRoom(): boolean {
    return this.#unsettled < maxUnsettled;
  }

  /** Starts a binding; `settle` gets its outcome. */
  start(pod: Pod, nodeName: string, signal: AbortSignal, settle: (outcome: BindOutcome) => void): void {
    this.#unsettled += 1;
    this.#waiting.push({ pod, nodeName, signal, settle });
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    // After this turn of deciding, so that what is decided in it goes together.
    queueMicrotask(() => {
      this.#flushIsDue = false;
      this.#flush();
    });
  }

  async whenRoom(): Promise<void> {
    while (!this.hasRoom) await this.#nextSettled();
  }

  /** Resolves when every binding has its outcome. */
  async drain(): Promise<void> {
    while (this.#unsettled > 0) await this.#nextSettled();
  }

  #flush(): void {
    while (this.#requests < maxRequests && this.#waiting.length > 0) {
      const orders = this.#waiting.splice(0, this.#hasBulk ? maxPodsPerRequest : 1);
      this.#requests += 1;
      void this.#send(orders).finally(() => {
        this.#requests -= 1;
        this.#flush();
      });
    }
  }

  async #send(orders: readonly Order[]): Promise<void> {
    const [first] = orders;
    if (orders.length === 1 && first !== undefined) this.#settle(first, await this.#bindOne(first));
    else await this.#bindTogether(orders);
  }

  async #bindOne(order: Order): Promise<BindOutcome> {
    const { namespace, name, uid } = order.pod.metadata;
    try {
      await this.#options.client.createSubresource(pods, order.pod.metadata, 'binding', {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { namespace, name, uid },
        target: { apiVersion: 'v1', kind: 'Node', name: order.nodeName },
      });
      return { outcome: 'bound' };
    } catch (error) {
      return this.#outcomeOf(order, error);
    }
  }

  async #bindTogether(orders: readonly Order[]): Promise<void> {
    try {
      const results = await this.#postBulk(orders);
      for (const [i, order] of orders.entries()) this.#settle(order, toOutcome(results[i]));
    } catch (error) {
      if (isNotFound(error)) this.#hasBulk = false;
      await Promise.all(
        orders.map(async (order) =>
          this.#settle(
            order,
            this.#hasBulk ? await this.#outcomeOf(order, error) : await this.#bindOne(order),
          ),
        ),
      );
    }
  }

  async #postBulk(orders: readonly Order[]): Promise<readonly BulkResult[]> {
    const items = orders.map(({ pod, nodeName }) => ({
      namespace: pod.metadata.namespace,
      name: pod.metadata.name,
      uid: pod.metadata.uid,
      node: nodeName,
    }));
    const request = {
      method: 'POST',
      path: bulkPath,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ apiVersion: 'coracle.dev/v1', kind: 'BulkBinding', items }),
    } as const;
    const response = await this.#options.client.request(request);
    if (response.status >= 300) throw toStatusError(request, response);
    return decodeJson<{ readonly results: readonly BulkResult[] }>(request, response.body).results;
  }

  async #outcomeOf(order: Order, error: unknown): Promise<BindOutcome> {
    if (isNotFound(error)) return { outcome: 'gone' };
    return isTransportError(error) ? this.#findOut(order, error) : { outcome: 'refused', error };
  }

  async #findOut({ pod, nodeName, signal }: Order, error: unknown): Promise<BindOutcome> {
    const { clock, random, client } = this.#options;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        const current = await client.get(pods, pod.metadata);
        if (current.metadata.uid !== pod.metadata.uid) return { outcome: 'gone' };
        return current.spec.nodeName === nodeName ? { outcome: 'bound' } : { outcome: 'refused', error };
      } catch (readError) {
        if (isNotFound(readError)) return { outcome: 'gone' };
        await delay(clock, backoffMs(lookAgain, attempt, random), signal);
      }
    }
    // Whoever leads next learns from the pod itself; binding it twice is refused by the server.
    return { outcome: 'refused', error };
  }

  #settle(order: Order, outcome: BindOutcome): void {
    this.#unsettled -= 1;
    order.settle(outcome);
    for (const wake of [...this.#watchers]) wake();
  }

  #nextSettled(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#watchers.delete(wake);
        resolve();
      };
      this.#watchers.add(wake);
    });
  }
}

function toOutcome(result: BulkResult | undefined): BindOutcome {
  const { code, reason = 'Unknown', message = 'no result' } = result ?? { code: 500 };
  if (code >= 200 && code < 300) return { outcome: 'bound' };
  if (code === 404) return { outcome: 'gone' };
  return { outcome: 'refused', error: new StatusError({ code, reason, message }) };
}
