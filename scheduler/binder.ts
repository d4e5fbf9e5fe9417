/**
 * Tells the API server where pods go. Pods that are decided in one turn go together by the bulk binding, which stores
 * a hundred of them in one transaction, each on its own condition; where a server has no bulk binding each goes alone
 * by the standard `pods/binding`. Members of a group stand or fall together: all of them are in one request. What
 * became of a binding is always found out: when no answer came, the pod is read until it shows.
 *
 * Other schedulers may bind at the same time. The request says up to which version this one had seen all pods when it
 * decided; the server refuses what others' later bindings concern, and the pod is decided anew when they are seen.
 * After a request without an answer we go on under another name, because what we believe of it may be wrong: then our
 * own bindings, too, have to be seen.
 *
 * INVARIANTS: every started binding is settled exactly once; at most `maxUnsettled` are unsettled.
 */
import type { Pod } from '../api/generated/core-v1.ts';
import { pods } from '../api/generated/resources.ts';
import { isNotFound, StatusError } from '../api/status-error.ts';
import { type BackoffPolicy, backoffMs } from '../base/backoff.ts';
import { type Clock, delay } from '../base/clock.ts';
import { type Random, randomSuffix } from '../base/random.ts';
import type { ApiClient } from '../client/client.ts';
import { decodeJson, toStatusError } from '../client/response.ts';
import { isTransportError } from '../client/transport-error.ts';

const maxUnsettled = 1_000;
const maxRequests = 8;
const maxPodsPerRequest = 100;
/** Pods that stand or fall together; a larger group goes in parts of this size. */
const maxPodsTogether = 1_000;
const bulkKind = { apiVersion: 'coracle.dev/v1', kind: 'BulkBinding' };
const bulkPath = '/apis/coracle.dev/v1/bulkbindings';
/** For others' bindings to be seen here; then the pod is decided anew all the same. */
const maxCatchUpMs = 1_000;
const lookAgain: BackoffPolicy = { initialMs: 100, maxMs: 2_000, factor: 2, jitter: 0.5 };

export type BindOutcome =
  /** `version`: of the bound pod, where nothing else of it has changed since it was decided. */
  | { readonly outcome: 'bound'; readonly version?: string | undefined }
  /** Deleted meanwhile. */
  | { readonly outcome: 'gone' }
  /**
   * Others have bound meanwhile what concerns it, which is known here by now; or what it was to be bound together with
   * was refused. To be decided anew.
   */
  | { readonly outcome: 'outdated' }
  /** No answer came, and the pod was not bound. Nobody has refused it: there is nothing to tell of. */
  | { readonly outcome: 'unanswered' }
  | { readonly outcome: 'refused'; readonly error: unknown };

/** How far this scheduler has seen the pods. */
export interface PodView {
  /** Undefined before anything was seen. */
  readonly version: () => number | undefined;
  /** Resolves when `version` has been reached, or `signal` aborts. */
  readonly reached: (version: number, signal: AbortSignal) => Promise<void>;
}

export interface BinderOptions {
  readonly client: Pick<ApiClient, 'createSubresource' | 'get' | 'request'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Without it bindings are not kept apart from those of other schedulers. */
  readonly view?: PodView | undefined;
}

/** A pod that was given a node. */
export interface Placement {
  readonly pod: Pod;
  readonly nodeName: string;
  readonly settle: Settle;
}

/** Called once. `sentMs`: when the API server was asked. */
export type Settle = (outcome: BindOutcome, sentMs?: number) => void;

interface Order extends Placement {
  /** Up to which version all pods were known when it was decided. */
  readonly seen: number | undefined;
  /** Up to which request all answers were known when it was decided. */
  readonly answered: number;
  /** Ends only the search for an outcome. */
  readonly signal: AbortSignal;
  sentMs?: number;
}

/** What goes in one request. */
interface Batch {
  readonly orders: Order[];
  readonly together: boolean;
}

interface BulkResult {
  readonly code: number;
  readonly reason?: string;
  readonly message?: string;
  /** What to have seen before it is tried again. */
  readonly until?: string;
  /** Another one of those that it was to be bound together with was refused. */
  readonly together?: boolean;
  /** Of the bound pod, and of the pod as it was before, when it has got a node and no more. */
  readonly version?: string;
  readonly before?: string;
}

export class Binder {
  readonly #options: BinderOptions;
  /** In the order of the decisions. */
  readonly #waiting: Batch[] = [];
  #flushIsDue = false;
  #requests = 0;
  #unsettled = 0;
  /** The server turned out not to have it. */
  #hasBulk = true;
  readonly #watchers = new Set<() => void>();

  readonly #name: string;
  /** Requests that were never answered. */
  #unanswered = 0;
  #sent = 0;
  /** Requests not all of whose pods are settled, the oldest first. */
  readonly #open = new Set<number>();

  constructor(options: BinderOptions) {
    this.#options = options;
    this.#name = `scheduler-${randomSuffix(options.random, 10)}`;
  }

  /** All requests up to this one have been answered, and the answers taken to heart. */
  get #answered(): number {
    const [oldest] = this.#open;
    return oldest === undefined ? this.#sent : oldest - 1;
  }

  get isBinding(): boolean {
    return this.#unsettled > 0;
  }

  get hasRoom(): boolean {
    return this.#unsettled < maxUnsettled;
  }

  /** Starts a binding; `settle` gets its outcome. */
  start(pod: Pod, nodeName: string, signal: AbortSignal, settle: Settle): void {
    const last = this.#waiting.at(-1);
    const order = this.#orderOf({ pod, nodeName, settle }, signal);
    if (last !== undefined && !last.together && last.orders.length < maxPodsPerRequest)
      last.orders.push(order);
    else this.#waiting.push({ orders: [order], together: false });
    this.#flushSoon();
  }

  /** Binds all of them or none. */
  startTogether(placements: readonly Placement[], signal: AbortSignal): void {
    const orders = placements.map((placement) => this.#orderOf(placement, signal));
    while (orders.length > 0)
      this.#waiting.push({ orders: orders.splice(0, maxPodsTogether), together: true });
    this.#flushSoon();
  }

  #orderOf(placement: Placement, signal: AbortSignal): Order {
    this.#unsettled += 1;
    const seen = this.#options.view?.version();
    return { ...placement, seen, answered: this.#answered, signal };
  }

  #flushSoon(): void {
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    // What is decided in this turn goes together, and what the rest of the watch brings that has arrived: one read of a
    // connection ends every 16 KB, which are eight pods.
    this.#options.clock.setImmediate(() => {
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
      this.#requests += 1;
      void this.#send(this.#next()).finally(() => {
        this.#requests -= 1;
        this.#flush();
      });
    }
  }

  /** Where there is no bulk binding, one pod. */
  #next(): Batch {
    const [first = { orders: [], together: false }] = this.#waiting;
    const orders = this.#hasBulk ? first.orders : first.orders.splice(0, 1);
    if (this.#hasBulk || first.orders.length === 0) this.#waiting.shift();
    return { orders, together: first.together };
  }

  async #send(batch: Batch): Promise<void> {
    const { orders } = batch;
    const sentMs = this.#options.clock.nowMs();
    for (const order of orders) order.sentMs = sentMs;
    if (this.#hasBulk) await this.#bindInBulk(batch);
    else for (const order of orders) this.#settle(order, await this.#bindOne(order));
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

  async #bindInBulk({ orders, together }: Batch): Promise<void> {
    this.#sent += 1;
    const number = this.#sent;
    this.#open.add(number);
    try {
      const results = await this.#postBulk(orders, number, together);
      const concluded = orders.map((order, i) => this.#conclude(order, results[i]));
      void Promise.all(concluded).then(() => this.#open.delete(number));
    } catch (error) {
      if (isNotFound(error)) this.#hasBulk = false;
      if (isTransportError(error)) this.#unanswered += 1;
      await Promise.all(
        orders.map(async (order) =>
          this.#settle(
            order,
            this.#hasBulk ? await this.#outcomeOf(order, error) : await this.#bindOne(order),
          ),
        ),
      );
      this.#open.delete(number);
    }
  }

  async #postBulk(
    orders: readonly Order[],
    number: number,
    together: boolean,
  ): Promise<readonly BulkResult[]> {
    const items = orders.map(({ pod, nodeName }) => ({
      namespace: pod.metadata.namespace,
      name: pod.metadata.name,
      uid: pod.metadata.uid,
      node: nodeName,
    }));
    const scheduler = `${this.#name}.${this.#unanswered}`;
    // The oldest decision comes first, and has seen the least.
    const [{ seen: version, answered } = { seen: undefined, answered: 0 }] = orders;
    const seen = version === undefined ? undefined : `${version}`;
    const request = {
      method: 'POST',
      path: bulkPath,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...bulkKind, scheduler, seen, request: number, answered, together, items }),
    } as const;
    const response = await this.#options.client.request(request);
    if (response.status >= 300) throw toStatusError(request, response);
    return decodeJson<{ readonly results: readonly BulkResult[] }>(request, response.body).results;
  }

  async #outcomeOf(order: Order, error: unknown): Promise<BindOutcome> {
    if (isNotFound(error)) return { outcome: 'gone' };
    return isTransportError(error) ? this.#findOut(order) : { outcome: 'refused', error };
  }

  async #findOut({ pod, nodeName, signal }: Order): Promise<BindOutcome> {
    const { clock, random, client } = this.#options;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        const current = await client.get(pods, pod.metadata);
        if (current.metadata.uid !== pod.metadata.uid) return { outcome: 'gone' };
        return { outcome: current.spec.nodeName === nodeName ? 'bound' : 'unanswered' };
      } catch (readError) {
        if (isNotFound(readError)) return { outcome: 'gone' };
        await delay(clock, backoffMs(lookAgain, attempt, random), signal);
      }
    }
    // Whoever leads next learns from the pod itself; binding it twice is refused by the server.
    return { outcome: 'unanswered' };
  }

  async #conclude(order: Order, result: BulkResult | undefined): Promise<void> {
    const { view } = this.#options;
    if (result?.until === undefined || view === undefined) {
      this.#settle(order, toOutcome(order.pod, result));
      return;
    }
    await this.#catchUp(view, Number(result.until), order.signal);
    this.#settle(order, { outcome: 'outdated' });
  }

  async #catchUp(view: PodView, until: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const enough = new AbortController();
    const timer = clock.setTimer(maxCatchUpMs, () => enough.abort());
    await view.reached(until, AbortSignal.any([enough.signal, signal]));
    timer.cancel();
  }

  #settle(order: Order, outcome: BindOutcome): void {
    this.#unsettled -= 1;
    order.settle(outcome, order.sentMs);
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

function toOutcome({ metadata }: Pod, result: BulkResult | undefined): BindOutcome {
  const {
    code,
    reason = 'Unknown',
    message = 'no result',
    together = false,
    version,
    before,
  }: BulkResult = result ?? { code: 500 };
  if (code >= 200 && code < 300)
    return before === metadata.resourceVersion ? { outcome: 'bound', version } : { outcome: 'bound' };
  if (code === 404) return { outcome: 'gone' };
  if (together) return { outcome: 'outdated' };
  return { outcome: 'refused', error: new StatusError({ code, reason, message }) };
}
