/** How events reach the API server: many in a request where it can read them so, else one by one. */
import type { Event } from '../api/generated/core-v1.ts';
import { events } from '../api/generated/resources.ts';
import { isAlreadyExists, isForbidden, isNotFound, StatusError } from '../api/status-error.ts';
import type { ApiClient } from './client.ts';
import { decodeJson, toStatusError } from './response.ts';
import { isPassing } from './transport-error.ts';

const path = '/apis/coracle.dev/v1/bulkevents';
const list = { apiVersion: 'v1', kind: 'EventList' };
/** Requests for single events under way together. */
const maxInFlight = 8;

export type EventClient = Pick<ApiClient, 'create' | 'patch' | 'request'>;

export type NewEvent = Omit<Event, 'metadata'> & { metadata: { name: string; namespace: string } };

/** Why one of many was not written; undefined: it is. */
export type Refusal = string | undefined;

export class EventWriter {
  readonly #client: EventClient;
  /** The server turned out not to have it, or not for us. */
  #hasBulk = true;

  constructor(client: EventClient) {
    this.#client = client;
  }

  /** May be repeated with the same events: what is there by then is not written again. @throws TransportError, or StatusError of a server that has too much to do */
  async create(made: readonly NewEvent[]): Promise<readonly Refusal[]> {
    if (this.#hasBulk && made.length > 1) {
      const refusals = await this.#createInBulk(made);
      if (refusals !== undefined) return refusals;
    }
    return this.each(made, (event) => this.#createOne(event));
  }

  /** Does it with each, a few at a time. */
  async each<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
    const results: R[] = [];
    const left = items.entries();
    const lane = async (): Promise<void> => {
      for (const [at, item] of left) results[at] = await act(item);
    };
    await Promise.all(Array.from({ length: Math.min(maxInFlight, items.length) }, lane));
    return results;
  }

  async #createInBulk(made: readonly NewEvent[]): Promise<readonly Refusal[] | undefined> {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ ...list, items: made });
    const request = { method: 'POST', path, headers, body } as const;
    const response = await this.#client.request(request);
    if (response.status < 300) {
      const { results } = decodeJson<{ readonly results: readonly Result[] }>(request, response.body);
      // The whole is asked for again: what is there by then counts as written.
      const passing = results.map(toError).find(isPassing);
      if (passing !== undefined) throw passing;
      return made.map((_, at) => toRefusal(results[at]));
    }
    const error = toStatusError(request, response);
    if (!isNotFound(error) && !isForbidden(error)) throw error;
    this.#hasBulk = false;
    return undefined;
  }

  async #createOne(event: NewEvent): Promise<Refusal> {
    try {
      await this.#client.create(events, event);
      return undefined;
    } catch (error) {
      if (isPassing(error)) throw error;
      return isAlreadyExists(error) ? undefined : String(error);
    }
  }
}

interface Result {
  readonly code: number;
  readonly reason?: string;
  readonly message?: string;
}

const toError = ({ code, reason = 'Unknown', message = reason }: Result): StatusError =>
  new StatusError({ code, reason, message });

function toRefusal(result: Result | undefined): Refusal {
  if (result === undefined) return 'no result';
  const { code, reason, message = reason } = result;
  return code < 300 || reason === 'AlreadyExists' ? undefined : (message ?? `code ${code}`);
}
