/**
 * Objects that count against a quota are written in one transaction with the quota's new `status.used`, on condition
 * that nobody else has changed the quota: it can neither be exceeded nor, after a crash, be charged for what is not
 * there. Requests that wait for the same quotas share a transaction, so that many at once cost few writes.
 *
 * INVARIANTS: one transaction per namespace at a time; a refusal rests on what the store had when it was asked.
 */

import { formatResourceList } from '../../../api/resource-list.ts';
import { StatusError } from '../../../api/status-error.ts';
import type { Clock } from '../../../base/clock.ts';
import { type Storage, StorageError, type StorageWrite, type StoredObject } from '../../storage/storage.ts';
import type { AdmissionAttributes } from '../admission.ts';
import { charge, type QuotaState } from './charge.ts';
import type { QuotaStates } from './quota-states.ts';

/** Requests and writes that one transaction takes: etcd's limit is 128 operations and 1.5 MiB. */
const batchTickets = 40;
const batchWrites = 100;
/** How often others may come first before a request is given up. */
const rounds = 64;

interface Ticket {
  readonly attributes: AdmissionAttributes;
  readonly writes: readonly StorageWrite[];
  readonly resolve: (stored: StoredObject[]) => void;
  readonly reject: (error: unknown) => void;
}

export interface LedgerOptions {
  readonly storage: Pick<Storage, 'commit'>;
  readonly states: QuotaStates;
  readonly clock: Clock;
}

export class QuotaLedger {
  readonly #options: LedgerOptions;
  /** By namespace; an entry exists while its drain runs. */
  readonly #queues = new Map<string, Ticket[]>();

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** Writes what a request writes, with what it takes of quotas. @throws StatusError 403, StorageError */
  commit(attributes: AdmissionAttributes, writes: readonly StorageWrite[]): Promise<StoredObject[]> {
    return new Promise((resolve, reject) => {
      const ticket = { attributes, writes, resolve, reject };
      const queue = this.#queues.get(attributes.namespace);
      if (queue === undefined) void this.#drain(attributes.namespace, [ticket]);
      else queue.push(ticket);
    });
  }

  /** Never rejects: what fails is told to the requests that it concerns. */
  async #drain(namespace: string, queue: Ticket[]): Promise<void> {
    this.#queues.set(namespace, queue);
    while (queue.length > 0) await this.#settle(namespace, takeBatch(queue));
    this.#queues.delete(namespace);
  }

  async #settle(namespace: string, batch: readonly Ticket[]): Promise<void> {
    let open = batch;
    for (let round = 0; open.length > 0; round += 1) {
      try {
        open = await this.#attempt(namespace, open, round);
      } catch (error) {
        // The store has failed, or others always came first: nobody of this batch has been served.
        for (const { reject } of open) reject(error);
        return;
      }
    }
  }

  /** One transaction. @returns the tickets that must be tried again */
  async #attempt(namespace: string, tickets: readonly Ticket[], round: number): Promise<readonly Ticket[]> {
    if (round > rounds) throw contended(namespace);
    const { storage, states } = this.#options;
    const known = states.of(namespace);
    const planned = this.#plan(tickets, known);
    if (planned.refused.length > 0 && round === 0) {
      // The cache may be behind: another server, or the controller, may have made room.
      await states.refresh();
      return tickets;
    }
    for (const { ticket, error } of planned.refused) ticket.reject(error);
    const { admitted, changed } = planned;
    if (admitted.length === 0) return [];
    const writes = [...changed.map(toPut), ...admitted.flatMap((ticket) => ticket.writes)];
    try {
      const stored = await storage.commit(writes);
      this.#deliver(changed, admitted, stored);
      return [];
    } catch (error) {
      return this.#afterFailure(error, admitted, changed);
    }
  }

  #plan(tickets: readonly Ticket[], known: readonly QuotaState[]): Plan {
    const running = new Map(known.map((state) => [state.key, state]));
    const changed = new Set<string>();
    const plan = { admitted: [] as Ticket[], refused: [] as Plan['refused'] };
    for (const ticket of tickets) {
      try {
        const charged = charge(ticket.attributes, [...running.values()], this.#options.clock.nowMs());
        for (const state of charged) {
          running.set(state.key, state);
          changed.add(state.key);
        }
        plan.admitted.push(ticket);
      } catch (error) {
        // A refusal is this request's answer and nobody else's.
        plan.refused.push({ ticket, error });
      }
    }
    return { ...plan, changed: [...running.values()].filter(({ key }) => changed.has(key)) };
  }

  #deliver(changed: readonly QuotaState[], admitted: readonly Ticket[], stored: StoredObject[]): void {
    for (const [at, state] of changed.entries()) {
      const version = stored[at]?.version;
      if (version !== undefined) this.#options.states.wrote({ ...state, version });
    }
    let next = changed.length;
    for (const { writes, resolve } of admitted) {
      const count = writes.filter(({ type }) => type === 'put').length;
      resolve(stored.slice(next, next + count));
      next += count;
    }
  }

  async #afterFailure(
    error: unknown,
    admitted: readonly Ticket[],
    changed: readonly QuotaState[],
  ): Promise<readonly Ticket[]> {
    const { states } = this.#options;
    states.forget(changed);
    if (!(error instanceof StorageError)) throw error;
    if (error.code === 'STORAGE_TOO_LARGE' && admitted.length > 1) {
      // Together they are too much for one transaction: one by one.
      for (const ticket of admitted) await this.#settle(ticket.attributes.namespace, [ticket]);
      return [];
    }
    if (error.code !== 'STORAGE_CONFLICT') throw error;
    const key = error.conflict?.key;
    const owner = admitted.find(({ writes }) => writes.some((write) => write.key === key));
    if (owner === undefined) {
      await states.refresh();
      return admitted;
    }
    owner.reject(error);
    return admitted.filter((ticket) => ticket !== owner);
  }
}

interface Plan {
  readonly admitted: readonly Ticket[];
  readonly refused: { readonly ticket: Ticket; readonly error: unknown }[];
  readonly changed: readonly QuotaState[];
}

function takeBatch(queue: Ticket[]): Ticket[] {
  const batch: Ticket[] = [];
  let writes = 0;
  while (batch.length < batchTickets) {
    const [first] = queue;
    if (first === undefined || (batch.length > 0 && writes + first.writes.length > batchWrites)) break;
    writes += first.writes.length;
    batch.push(first);
    queue.shift();
  }
  return batch;
}

function toPut({ key, version, quota, used }: QuotaState): StorageWrite {
  const status = { ...quota.status, used: formatResourceList(used) };
  return { type: 'put', key, object: { ...quota, status }, expected: version };
}

function contended(namespace: string): StatusError {
  return new StatusError({
    reason: 'ServerTimeout',
    code: 500,
    message: `the resource quotas of namespace ${namespace} are being changed all the time, try again`,
    details: { retryAfterSeconds: 1 },
  });
}
