import type { Pod } from '../../api/generated/core-v1.ts';
import { nodes, pods } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import { delay, toTime } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import { runBounded } from '../batches.ts';
import type { ControllerContext } from '../context.ts';
import type { ControlLoop } from '../loop.ts';
import { isPodTerminal } from '../pod-state.ts';
import { type Collectable, planPodGc } from './plan-pod-gc.ts';

const periodMs = 10_000;
/** How long a node has to be absent, in a cache that may be behind, before its pods are taken for orphans. */
const quarantineMs = 20_000;
/** Pods collected at the same time at most. */
const parallel = 20;

/** Takes away pods whose node is gone or out of service, and finished pods beyond a number. */
export class PodGcController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #absentSinceMs = new Map<string, number>();

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { pods: podInformer, nodes: nodeInformer } = this.#context.informers;
    await Promise.all([podInformer.whenSynced(signal), nodeInformer.whenSynced(signal)]);
    while (!signal.aborted) {
      try {
        await this.#collect();
      } catch (error) {
        this.#context.logger.warn({ err: error }, `collect pods: ${messageOf(error)}`);
      }
      await delay(this.#context.clock, periodMs, signal);
    }
  }

  async #collect(): Promise<void> {
    const all = this.#context.informers.pods.lister.list();
    const gone = await this.#goneNodes(all);
    const { lister } = this.#context.informers.nodes;
    const collectable = planPodGc(
      all,
      (name) => lister.get(undefined, name),
      (name) => gone.has(name),
    );
    await runBounded(collectable, (one) => this.#collectOne(one), parallel);
  }

  async #goneNodes(all: readonly Pod[]): Promise<ReadonlySet<string>> {
    const { lister } = this.#context.informers.nodes;
    const now = this.#context.clock.monotonicMs();
    const named = new Set(all.flatMap(({ spec }) => (spec.nodeName ?? '') || []));
    const absent = new Set([...named].filter((name) => lister.get(undefined, name) === undefined));
    for (const name of this.#absentSinceMs.keys()) if (!absent.has(name)) this.#absentSinceMs.delete(name);
    for (const name of absent) if (!this.#absentSinceMs.has(name)) this.#absentSinceMs.set(name, now);
    const due = [...this.#absentSinceMs].filter(([, sinceMs]) => now - sinceMs >= quarantineMs);
    const gone = new Set<string>();
    await runBounded(due, async ([name]) => {
      if (!(await this.#exists(name))) gone.add(name);
    });
    return gone;
  }

  async #exists(name: string): Promise<boolean> {
    try {
      await this.#context.client.get(nodes, { name });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  async #collectOne({ pod, why }: Collectable): Promise<void> {
    const { client, logger } = this.#context;
    const { namespace, name, uid } = pod.metadata;
    logger.info({ pod: `${namespace}/${name}`, why }, 'collect pod');
    try {
      if (why !== undefined) await this.#markDisrupted(pod, why);
      await client.delete(pods, pod.metadata, { uid, gracePeriodSeconds: 0 });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #markDisrupted(pod: Pod, message: string): Promise<void> {
    const condition = {
      type: 'DisruptionTarget',
      observedGeneration: pod.metadata.generation,
      status: 'True',
      reason: 'DeletionByPodGC',
      message,
      lastTransitionTime: toTime(this.#context.clock.nowMs()),
    };
    const phase = isPodTerminal(pod) ? {} : { phase: 'Failed' };
    const body = { metadata: { uid: pod.metadata.uid }, status: { ...phase, conditions: [condition] } };
    await this.#context.client.patch(
      pods,
      pod.metadata,
      { type: 'strategic', body },
      { subresource: 'status' },
    );
  }
}
