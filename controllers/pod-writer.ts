import type { Pod } from '../api/generated/core-v1.ts';
import { pods } from '../api/generated/resources.ts';
import type { ApiObject, NewObject } from '../api/kind-info.ts';
import { isNotFound } from '../api/status-error.ts';
import { messageOf } from '../base/invariant.ts';
import type { EventSink } from '../client/event-recorder.ts';
import { keyOf } from '../client/object-key.ts';
import { runBounded, runInGrowingBatches } from './batches.ts';
import type { ControllerContext } from './context.ts';
import type { Expectations } from './expectations.ts';
import { createPod, isNamespaceTerminating } from './pod-creation.ts';
import { type RequestContext, untilAnswered } from './until-answered.ts';

/** Pods created or deleted in one reconciliation at most. */
export const maxPodBurst = 500;

export interface PodWriterOptions {
  readonly context: ControllerContext;
  readonly events: EventSink;
  readonly expectations: Expectations;
}

/**
 * Creates and deletes the pods of an owner, says so in events on it, and expects what it has done.
 *
 * INVARIANTS: an expectation is recorded before its request; a request without an answer counts as done until the
 * cache or the server says otherwise.
 */
export class PodWriter {
  readonly #options: PodWriterOptions;

  constructor(options: PodWriterOptions) {
    this.#options = options;
  }

  /** In growing batches. @throws the first refusal; what was not tried then is not expected any more */
  async create(owner: ApiObject, wanted: readonly NewObject<Pod>[], signal: AbortSignal): Promise<void> {
    const { expectations, context } = this.#options;
    const key = keyOf(owner);
    const untried = new Set(wanted.map(({ metadata }) => metadata.name ?? ''));
    for (const name of untried) expectations.expectCreation(key, name);
    const { failure } = await runInGrowingBatches(wanted.length, async (i) => {
      const pod = wanted[i];
      if (pod === undefined) return;
      untried.delete(pod.metadata.name ?? '');
      await this.#createOne({ ...context, signal }, owner, pod);
    });
    for (const name of untried) expectations.creationObserved(key, name);
    if (failure !== undefined) throw failure;
  }

  /** @throws the first refusal, when all are done */
  async delete(owner: ApiObject, doomed: readonly Pod[], signal: AbortSignal): Promise<void> {
    const { expectations, context } = this.#options;
    for (const pod of doomed) expectations.expectDeletion(keyOf(owner), pod.metadata.uid);
    await runBounded(doomed, (pod) => this.#deleteOne({ ...context, signal }, owner, pod));
  }

  async #createOne(request: RequestContext, owner: ApiObject, pod: NewObject<Pod>): Promise<void> {
    const name = pod.metadata.name ?? '';
    try {
      const created = await createPod(request, owner, pod);
      if (created === undefined) return;
      const { resourceVersion } = created.metadata;
      this.#options.expectations.creationAnswered(keyOf(owner), name, resourceVersion);
      this.#report(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${name}`);
    } catch (error) {
      this.#options.expectations.creationObserved(keyOf(owner), name);
      if (isNamespaceTerminating(error)) return;
      this.#report(owner, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`);
      throw error;
    }
  }

  async #deleteOne(request: RequestContext, owner: ApiObject, pod: Pod): Promise<void> {
    const { name, uid } = pod.metadata;
    try {
      await untilAnswered(request, () => request.client.delete(pods, pod.metadata, { uid }));
      this.#report(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    } catch (error) {
      this.#options.expectations.deletionObserved(keyOf(owner), uid);
      if (isNotFound(error)) return;
      this.#report(owner, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`);
      throw error;
    }
  }

  #report(object: ApiObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#options.events.event({ object, type, reason, message });
  }
}
