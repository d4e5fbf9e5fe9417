import type { Job } from '../../api/generated/batch-v1.ts';
import { jobs } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import { keyOf, splitKey } from '../../client/object-key.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { isTerminating } from '../pod-state.ts';

const workers = 5;

/** Deletes finished Jobs, with their pods, when the time they gave themselves is over. */
export class TtlAfterFinishedController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #loop: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    const { jobs: informer } = context.informers;
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'ttl-after-finished', workers),
      needs: [informer],
      sync: (key) => this.#sync(key),
    });
    const consider = (job: Job): void => {
      if (expiresAtMs(job) !== undefined && !isTerminating(job)) this.#loop.enqueue(keyOf(job));
    };
    informer.addHandler({ onAdd: consider, onUpdate: (_previous, job) => consider(job) });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }

  async #sync(key: string): Promise<SyncResult | undefined> {
    const { namespace, name } = splitKey(key);
    const job = this.#context.informers.jobs.lister.get(namespace, name);
    const nowMs = this.#context.clock.nowMs();
    const waitMs = waitOf(job, nowMs);
    if (waitMs === undefined) return undefined;
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    try {
      // Its time may have been prolonged a moment ago: the cache does not decide over a deletion.
      const live = await this.#context.client.get(jobs, { namespace, name });
      const liveWaitMs = waitOf(live, nowMs);
      if (liveWaitMs === undefined || liveWaitMs > 0) return { requeueAfterMs: liveWaitMs };
      const { uid, resourceVersion } = live.metadata;
      await this.#context.client.delete(
        jobs,
        { namespace, name },
        { uid, resourceVersion, propagationPolicy: 'Foreground' },
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return undefined;
  }
}

function waitOf(job: Job | undefined, nowMs: number): number | undefined {
  const atMs = job === undefined || isTerminating(job) ? undefined : expiresAtMs(job);
  return atMs === undefined ? undefined : Math.max(0, atMs - nowMs);
}

/** When a finished Job with a time to live ends; undefined for all others. */
export function expiresAtMs({ spec, status }: Job): number | undefined {
  const finished = status?.conditions?.find(
    ({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True',
  );
  const sinceMs = Date.parse(finished?.lastTransitionTime ?? '');
  if (spec.ttlSecondsAfterFinished === undefined || Number.isNaN(sinceMs)) return undefined;
  return sinceMs + spec.ttlSecondsAfterFinished * 1_000;
}
