import { StatusError } from '../api/status-error.ts';
import { type BackoffPolicy, backoffMs } from '../base/backoff.ts';
import { type Clock, delay } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { ApiClient } from '../client/client.ts';
import { isTransportError } from '../client/transport-error.ts';

const repeatBackoff: BackoffPolicy = { initialMs: 50, maxMs: 5_000, factor: 2, jitter: 0.5 };

export interface RequestContext {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  /** Ends the repetition. */
  readonly signal: AbortSignal;
}

/**
 * Whether a write that ended so may have been carried out, or may be yet: no answer, or the server knows no better. A
 * server that failed at the request itself (500) has answered: it would fail for ever, and nobody would hear of it.
 */
export function isUnanswered(error: unknown): boolean {
  return isTransportError(error) || (error instanceof StatusError && error.code > 500);
}

/**
 * Repeats `request` with back-off until the server says what became of it. Only for requests that do the same however
 * often they are carried out. @returns undefined when the signal aborts first. @throws the server's refusal
 */
export async function untilAnswered<V>(
  { clock, random, signal }: RequestContext,
  request: () => Promise<V>,
): Promise<V | undefined> {
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      return await request();
    } catch (error) {
      if (!isUnanswered(error)) throw error;
    }
    await delay(clock, backoffMs(repeatBackoff, attempt, random), signal);
  }
  return undefined;
}
