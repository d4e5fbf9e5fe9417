/**
 * Renewals of nodes' Leases, gathered for a second and stored by one request, which costs the API server and etcd a small part of
 * what as many requests cost. Those that were stored are confirmed to their guards. Nothing is tried again here and nothing is
 * promised: what is not confirmed in time the agent renews itself, so what fails, or comes too late, is dropped.
 *
 * INVARIANTS: only what was asked for is sent, each asking at most once; only what the server has stored is confirmed.
 */
import { loadAnnotation, toLoadText } from '../../api/node-load.ts';
import { confirmedWithinMs, type LoadFigures } from '../../base/beat-renewal.ts';
import { type Clock, toMicroTime } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { ApiClient } from '../../client/client.ts';
import { decodeJson, toStatusError } from '../../client/response.ts';

const target = { method: 'POST', path: '/apis/coracle.dev/v1/bulkrenewals' } as const;
const headers = { 'content-type': 'application/json' };
const kind = { apiVersion: 'coracle.dev/v1', kind: 'BulkRenewal' };
/** From the first renewal to the request that has it. */
const gatherMs = 1_000;
/** The server's limit. */
export const maxPerRequest = 1_000;
const maxRequests = 4;
/** Confirmed in one turn of the event loop: a beat waits for no more. */
const confirmedPerTurn = 100;

interface Renewal {
  readonly node: string;
  readonly sequence: number;
  readonly heardAtMs: number;
  readonly item: BulkItem;
}

interface BulkItem {
  readonly name: string;
  readonly holderIdentity: string;
  readonly renewTime: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface BulkResult {
  readonly code: number;
}

export interface LeaseRenewalsOptions {
  readonly client: Pick<ApiClient, 'request'>;
  readonly confirm: (node: string, sequence: number) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class LeaseRenewals {
  readonly #options: LeaseRenewalsOptions;
  /** By node, in the order of their coming: a node that asks again has not been told of the first time. */
  readonly #gathered = new Map<string, Renewal>();
  #requests = 0;
  #isRefused = false;
  #stored = 0;

  constructor(options: LeaseRenewalsOptions) {
    this.#options = options;
  }

  /** Since this one gathers. */
  get stored(): number {
    return this.#stored;
  }

  hear(node: string, sequence: number, load: LoadFigures | undefined): void {
    const { clock } = this.#options;
    const item = {
      name: node,
      holderIdentity: node,
      renewTime: toMicroTime(clock.nowMs()),
      ...(load === undefined ? {} : { annotations: { [loadAnnotation]: toLoadText(load) } }),
    };
    const heardAtMs = this.#gathered.get(node)?.heardAtMs ?? clock.monotonicMs();
    this.#gathered.set(node, { node, sequence, heardAtMs, item });
  }

  /** What was heard just now is of a time that is over: who asked for it has long helped themselves. */
  discard(): void {
    this.#gathered.clear();
  }

  /** To be called often. Stores what has waited long enough, or is as much as goes together. */
  flush(): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#dropLate(nowMs);
    while (this.#requests < maxRequests && this.#isDue(nowMs)) {
      const batch = [...this.#gathered.values()].slice(0, maxPerRequest);
      for (const { node } of batch) this.#gathered.delete(node);
      this.#requests += 1;
      void this.#store(batch).finally(() => {
        this.#requests -= 1;
      });
    }
  }

  #isDue(nowMs: number): boolean {
    if (this.#gathered.size >= maxPerRequest) return true;
    const [first] = this.#gathered.values();
    return first !== undefined && nowMs - first.heardAtMs >= gatherMs;
  }

  /** A server that does not answer lets renewals wait until nobody waits for them. */
  #dropLate(nowMs: number): void {
    for (const { node, heardAtMs } of this.#gathered.values()) {
      if (nowMs - heardAtMs < confirmedWithinMs) return;
      this.#gathered.delete(node);
    }
  }

  async #store(batch: readonly Renewal[]): Promise<void> {
    const { logger } = this.#options;
    try {
      const results = await this.#send(batch);
      this.#isRefused = false;
      const stored = batch.filter((_, index) => results[index]?.code === 200);
      this.#stored += stored.length;
      if (stored.length < batch.length)
        logger.debug({ asked: batch.length, stored: stored.length }, 'some renewals are left to the agents');
      this.#confirm(stored);
    } catch (error) {
      if (!this.#isRefused) logger.warn({ err: error }, 'renewals of Leases are left to the agents');
      this.#isRefused = true;
    }
  }

  async #send(batch: readonly Renewal[]): Promise<readonly BulkResult[]> {
    const { client, clock } = this.#options;
    const late = new AbortController();
    const timer = clock.setTimer(confirmedWithinMs, () => late.abort());
    try {
      const body = JSON.stringify({ ...kind, items: batch.map(({ item }) => item) });
      const response = await client.request({ ...target, headers, body, signal: late.signal });
      if (response.status >= 300) throw toStatusError(target, response);
      return decodeJson<{ readonly results?: readonly BulkResult[] }>(target, response.body).results ?? [];
    } finally {
      timer.cancel();
    }
  }

  #confirm(stored: readonly Renewal[]): void {
    const { clock, confirm } = this.#options;
    for (const { node, sequence } of stored.slice(0, confirmedPerTurn)) confirm(node, sequence);
    const rest = stored.slice(confirmedPerTurn);
    if (rest.length > 0) clock.setImmediate(() => this.#confirm(rest));
  }
}
