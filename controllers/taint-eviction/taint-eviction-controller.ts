import type { Node, Pod } from '../../api/generated/core-v1.ts';
import { pods } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import { toTime } from '../../base/clock.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import { keyOf, splitKey } from '../../client/object-key.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { isTerminating } from '../pod-state.ts';
import { nodeIndex } from '../shared-informers.ts';
import { isSame } from '../structural-equality.ts';
import { evictionDueMs } from './eviction-due.ts';

const workers = 32;

/** Deletes pods from nodes whose NoExecute taints they do not tolerate, or no longer. */
export class TaintEvictionController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #events: EventSink;
  readonly #loop: ReconcileLoop;
  /** Pods that leave at a time to come, by key: when, and which. A taint without a time counts from here. */
  readonly #scheduled = new Map<string, { readonly uid: string; readonly dueMs: number }>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#events = context.eventsOf('taint-eviction-controller');
    const { nodes, pods: podInformer } = context.informers;
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'taint-eviction', workers),
      needs: [nodes, podInformer],
      sync: (key) => this.#sync(key),
    });
    const enqueuePodsOf = ({ metadata }: Node): void => {
      for (const pod of podInformer.lister.byIndex(nodeIndex, metadata.name)) this.#loop.enqueue(keyOf(pod));
    };
    nodes.addHandler({
      onAdd: (node) => {
        if (noExecuteTaints(node).length > 0) enqueuePodsOf(node);
      },
      onUpdate: (previous, node) => {
        if (!isSame(noExecuteTaints(previous), noExecuteTaints(node))) enqueuePodsOf(node);
      },
    });
    podInformer.addHandler({
      onAdd: (pod) => this.#consider(pod),
      onUpdate: (previous, pod) => {
        const moved = previous.spec.nodeName !== pod.spec.nodeName;
        if (moved || !isSame(previous.spec.tolerations, pod.spec.tolerations)) this.#consider(pod);
      },
      onDelete: (pod) => this.#scheduled.delete(keyOf(pod)),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }

  #consider(pod: Pod): void {
    if (pod.spec.nodeName !== undefined) this.#loop.enqueue(keyOf(pod));
  }

  async #sync(key: string): Promise<SyncResult | undefined> {
    const { namespace, name } = splitKey(key);
    const pod = this.#context.informers.pods.lister.get(namespace, name);
    const node = this.#context.informers.nodes.lister.get(undefined, pod?.spec.nodeName ?? '');
    if (pod === undefined || node === undefined || isTerminating(pod)) {
      this.#scheduled.delete(key);
      return undefined;
    }
    const nowMs = this.#context.clock.nowMs();
    const dueMs = this.#dueMs(key, pod, node, nowMs);
    if (dueMs === undefined) return this.#cancel(key, pod);
    if (dueMs > nowMs) {
      this.#scheduled.set(key, { uid: pod.metadata.uid, dueMs });
      return { requeueAfterMs: dueMs - nowMs };
    }
    await this.#evict(pod);
    this.#scheduled.delete(key);
    return undefined;
  }

  #dueMs(key: string, pod: Pod, node: Node, nowMs: number): number | undefined {
    const due = evictionDueMs(noExecuteTaints(node), pod.spec.tolerations ?? [], nowMs);
    const before = this.#scheduled.get(key);
    if (due === undefined || before?.uid !== pod.metadata.uid) return due;
    return Math.min(due, before.dueMs);
  }

  #cancel(key: string, pod: Pod): undefined {
    if (!this.#scheduled.delete(key)) return;
    this.#report(pod, `Cancelling deletion of Pod ${key}`);
  }

  async #evict(pod: Pod): Promise<void> {
    this.#report(pod, `Marking for deletion Pod ${keyOf(pod)}`);
    const condition = {
      type: 'DisruptionTarget',
      observedGeneration: pod.metadata.generation,
      status: 'True',
      reason: 'DeletionByTaintManager',
      message: 'Taint manager: deleting due to NoExecute taint',
      lastTransitionTime: toTime(this.#context.clock.nowMs()),
    };
    const { uid } = pod.metadata;
    const body = { metadata: { uid }, status: { conditions: [condition] } };
    try {
      const { client } = this.#context;
      await client.patch(pods, pod.metadata, { type: 'strategic', body }, { subresource: 'status' });
      await client.delete(pods, pod.metadata, { uid });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #report(object: Pod, message: string): void {
    this.#events.event({ object, type: 'Normal', reason: 'TaintManagerEviction', message });
  }
}

function noExecuteTaints({ spec }: Node): NonNullable<Node['spec']['taints']> {
  return (spec.taints ?? []).filter((taint) => taint.effect === 'NoExecute');
}
