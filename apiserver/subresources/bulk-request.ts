/** What our bulk requests have in common: their kinds, how their items are read, and the results in the items' order. */
import type { KindInfo } from '../../api/kind-info.ts';
import { badRequest, type StatusError } from '../../api/status-error.ts';
import type { Answer } from '../http/answer.ts';
import type { ApiRequest } from '../http/api-request.ts';

/** Items that one request may have. */
export const bulkLimit = 1_000;
/** Rounds for objects that somebody else changed meanwhile. */
export const bulkRounds = 3;

/** What became of one item. `code` is as the single request would answer. */
export interface BulkResult {
  readonly code: number;
  readonly reason?: string;
  readonly message?: string;
  /** Refused because of what the scheduler has not seen: up to this version it should look before it tries again. */
  readonly until?: string;
  /** Of a pod that has got its node and nothing else: its version now, and that which it had before. */
  readonly version?: string;
  readonly before?: string;
  /** Refused only because another item of a request that stands or falls together was. */
  readonly together?: true;
}

/** By item; undefined while it is open. */
export type BulkResults = (BulkResult | undefined)[];

/** A resource of ours that can only be created. Discovery shows it, so that a client can tell whether it is there. */
export const bulkKind = (kind: string): KindInfo => ({
  group: 'coracle.dev',
  version: 'v1',
  kind,
  plural: `${kind.toLowerCase()}s`,
  singular: kind.toLowerCase(),
  namespaced: false,
  verbs: ['create'],
  shortNames: [],
  categories: [],
  subresources: [],
  schema: '',
});

export const refusal = ({ code, reason, message }: StatusError): BulkResult => ({ code, reason, message });

/** What is still open after the last round has lost every race. */
export function bulkAnswer(kind: string, results: BulkResults, what = 'pod'): Answer {
  const told = results.map(
    (result) => result ?? { code: 409, reason: 'Conflict', message: `the ${what} keeps changing` },
  );
  const body = `${JSON.stringify({ kind, apiVersion: 'coracle.dev/v1', results: told })}\n`;
  return { status: 200, contentType: 'application/json', body };
}

/** The body's fields, and its items, of which each must have all of `keys`. @throws StatusError 400 */
export function readBulk<K extends string>(
  request: ApiRequest,
  what: string,
  keys: readonly K[],
): { readonly fields: Readonly<Record<string, unknown>>; readonly items: readonly Record<K, string>[] } {
  let body: unknown;
  try {
    body = JSON.parse(request.body.toString());
  } catch (error) {
    throw badRequest(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const fields: Readonly<Record<string, unknown>> =
    typeof body === 'object' && body !== null ? { ...body } : {};
  const { items } = fields;
  if (!Array.isArray(items)) throw badRequest(`${what}: items: must be a list`);
  if (items.length > bulkLimit) throw badRequest(`${what}: items: must have at most ${bulkLimit} items`);
  return { fields, items: items.map((item: unknown, at) => readItem(item, `${what}: items[${at}]`, keys)) };
}

function readItem<K extends string>(value: unknown, where: string, keys: readonly K[]): Record<K, string> {
  const item = {} as Record<K, string>;
  for (const key of keys) {
    const text: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
    if (typeof text !== 'string' || text === '') throw badRequest(`${where}.${key}: Required value`);
    item[key] = text;
  }
  return item;
}
