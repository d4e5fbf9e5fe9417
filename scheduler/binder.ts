/**
 * Tells the API server where pods go, many at a time. What became of a binding is always found out: when no answer
 * came, the pod is read until it shows.
 */
import type { Pod } from '../api/generated/core-v1.ts';
import { pods } from '../api/generated/resources.ts';
import { isNotFound } from '../api/status-error.ts';
import { type BackoffPolicy, backoffMs } from '../base/backoff.ts';
import { type Clock, delay } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { ApiClient, ObjectRef } from '../client/client.ts';
import { isTransportError } from '../client/transport-error.ts';

const maxInFlight = 256;
const lookAgain: BackoffPolicy = { initialMs: 100, maxMs: 2_000, factor: 2, jitter: 0.5 };

export type BindOutcome =
  | { readonly outcome: 'bound' }
  /** Deleted meanwhile. */
  | { readonly outcome: 'gone' }
  | { readonly outcome: 'refused'; readonly error: unknown };

export interface BinderOptions {
  readonly client: Pick<ApiClient, 'createSubresource' | 'get'>;
  readonly clock: Clock;
  readonly random: Random;
}

export class Binder {
  readonly #options: BinderOptions;
  readonly #inFlight = new Set<Promise<void>>();
  #wakeWaiter: (() => void) | undefined;

  constructor(options: BinderOptions) {
    this.#options = options;
  }

  get hasRoom(): boolean {
    return this.#inFlight.size < maxInFlight;
  }

  /** Starts a binding; `settle` gets its outcome. `signal` ends only the search for one. */
  start(pod: Pod, nodeName: string, signal: AbortSignal, settle: (outcome: BindOutcome) => void): void {
    const binding = this.#bind(pod, nodeName, signal)
      .then(settle)
      .finally(() => {
        this.#inFlight.delete(binding);
        this.#wakeWaiter?.();
      });
    this.#inFlight.add(binding);
  }

  async whenRoom(): Promise<void> {
    while (!this.hasRoom) {
      await new Promise<void>((resolve) => {
        this.#wakeWaiter = resolve;
      });
    }
  }

  /** Resolves when every binding has its outcome. */
  async drain(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  async #bind(pod: Pod, nodeName: string, signal: AbortSignal): Promise<BindOutcome> {
    const { namespace, name, uid } = pod.metadata;
    const ref: ObjectRef = { namespace, name };
    try {
      await this.#options.client.createSubresource(pods, ref, 'binding', {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { namespace, name, uid },
        target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
      });
      return { outcome: 'bound' };
    } catch (error) {
      if (isNotFound(error)) return { outcome: 'gone' };
      if (!isTransportError(error)) return { outcome: 'refused', error };
      return this.#findOut(pod, nodeName, error, signal);
    }
  }

  async #findOut(pod: Pod, nodeName: string, error: unknown, signal: AbortSignal): Promise<BindOutcome> {
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
}
