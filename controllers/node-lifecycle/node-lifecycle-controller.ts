import type { Node, NodeCondition, Pod, Taint } from '../../api/generated/core-v1.ts';
import { leases, nodes, pods } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import { delay, toTime } from '../../base/clock.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import { runBounded } from '../batches.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { JudgingClock } from '../judging-clock.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { isMassSilence } from '../mass-silence.ts';
import { isNodeReady, nodeCondition } from '../node-state.ts';
import { isPodReady, podCondition } from '../pod-state.ts';
import { nodeIndex, nodeLeaseNamespace } from '../shared-informers.ts';
import { Freshness } from './freshness.ts';
import { NodeCensus } from './node-census.ts';
import { graceMs, isGivenUp, type NodeView, planConditions, planTaints } from './plan-node.ts';

const workers = 16;
const tickMs = 1_000;
/** How often a node that shows no sign of life is looked at again. */
const recheckMs = 2_000;

/**
 * What a node's agent says, and that it says nothing, turned into conditions, taints and the readiness of its pods.
 * The detector judges the node itself, by its beats; this loop judges the agent, by its Lease.
 */
export class NodeLifecycleController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #events: EventSink;
  readonly #judging: JudgingClock;
  readonly #freshness = new Freshness();
  readonly #census = new NodeCensus();
  readonly #loop: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#events = context.eventsOf('node-controller');
    this.#judging = new JudgingClock(context.clock, tickMs);
    const { nodes: nodeInformer, nodeLeases, pods: podInformer } = context.informers;
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'node-lifecycle', workers),
      needs: [nodeInformer, nodeLeases, podInformer],
      sync: (name) => this.#sync(name),
    });
    nodeInformer.addHandler({
      onAdd: (node) => {
        this.#census.count(node);
        this.#observeStatus(node);
        this.#report(node, 'RegisteredNode', `Registered Node ${node.metadata.name} in Controller`);
        this.#loop.enqueue(node.metadata.name);
      },
      onUpdate: (previous, node) => {
        this.#census.count(node);
        this.#observeStatus(node);
        if (isNodeReady(previous) && !isNodeReady(node)) this.#reportStatus(node, 'NodeNotReady');
        this.#loop.enqueue(node.metadata.name);
      },
      onDelete: (node) => {
        this.#census.remove(node.metadata.name);
        this.#freshness.forget(node.metadata.name);
        this.#report(node, 'RemovingNode', `Removing Node ${node.metadata.name} from Controller`);
      },
    });
    const observeLease = (lease: {
      metadata: Node['metadata'];
      spec: { renewTime?: string | undefined };
    }): void => this.#observe(lease.metadata.name, 'lease', lease.spec.renewTime);
    nodeLeases.addHandler({
      onAdd: observeLease,
      onUpdate: (_previous, lease) => observeLease(lease),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#loop.run(signal), this.#tick(signal)]);
  }

  async #tick(signal: AbortSignal): Promise<void> {
    const { nodes: nodeInformer } = this.#context.informers;
    while (!signal.aborted) {
      await delay(this.#context.clock, tickMs, signal);
      this.#judging.tick();
      for (const { metadata } of nodeInformer.lister.list())
        if (this.#freshness.silentMs(metadata.name, this.#judging.nowMs) >= graceMs)
          this.#loop.enqueue(metadata.name);
    }
  }

  #observeStatus(node: Node): void {
    this.#observe(node.metadata.name, 'status', nodeCondition(node, 'Ready')?.lastHeartbeatTime ?? 'none');
  }

  #observe(node: string, source: string, token: string | undefined): void {
    if (token !== undefined) this.#freshness.observe(node, source, token, this.#judging.nowMs);
  }

  async #sync(name: string): Promise<SyncResult | undefined> {
    const node = this.#context.informers.nodes.lister.get(undefined, name);
    if (node === undefined || node.metadata.deletionTimestamp !== undefined) return undefined;
    const view = this.#viewOf(node);
    const conditions = planConditions(view);
    if (conditions !== undefined && !(await this.#hasRenewed(name)))
      await this.#patchStatus(node, conditions);
    const taints = planTaints(view);
    if (taints !== undefined) await this.#patchTaints(node, taints);
    if (isGivenUp(view)) await this.#markPodsNotReady(node);
    return view.silentMs >= graceMs ? { requeueAfterMs: recheckMs } : undefined;
  }

  #viewOf(node: Node): NodeView {
    return {
      node,
      silentMs: this.#freshness.silentMs(node.metadata.name, this.#judging.nowMs),
      massSilence: isMassSilence(this.#census.unwell, this.#census.living),
      nowMs: this.#context.clock.nowMs(),
    };
  }

  /** Asks the server itself before a node is called silent: our cache may be what stands still. */
  async #hasRenewed(name: string): Promise<boolean> {
    try {
      const lease = await this.#context.client.get(leases, { namespace: nodeLeaseNamespace, name });
      this.#observe(name, 'lease', lease.spec.renewTime);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return this.#freshness.silentMs(name, this.#judging.nowMs) < graceMs;
  }

  async #patchStatus(node: Node, conditions: readonly NodeCondition[]): Promise<void> {
    const body = { metadata: { uid: node.metadata.uid }, status: { conditions } };
    await this.#context.client.patch(
      nodes,
      node.metadata,
      { type: 'strategic', body },
      { subresource: 'status' },
    );
  }

  /** The list of taints is one value: it is written against the version that it was planned on. */
  async #patchTaints({ metadata }: Node, taints: readonly Taint[]): Promise<void> {
    const { uid, resourceVersion } = metadata;
    const body = { metadata: { uid, resourceVersion }, spec: { taints } };
    await this.#context.client.patch(nodes, metadata, { type: 'merge', body });
  }

  async #markPodsNotReady(node: Node): Promise<void> {
    const ready = this.#context.informers.pods.lister
      .byIndex(nodeIndex, node.metadata.name)
      .filter(isPodReady);
    await runBounded(ready, (pod) => this.#markPodNotReady(pod));
  }

  async #markPodNotReady(pod: Pod): Promise<void> {
    const condition = {
      ...podCondition(pod, 'Ready'),
      type: 'Ready',
      status: 'False',
      lastTransitionTime: toTime(this.#context.clock.nowMs()),
    };
    const body = { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } };
    this.#events.event({
      object: pod,
      type: 'Warning',
      reason: 'NodeNotReady',
      message: 'Node is not ready',
    });
    try {
      await this.#context.client.patch(
        pods,
        pod.metadata,
        { type: 'strategic', body },
        { subresource: 'status' },
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #report(node: Node, reason: string, what: string): void {
    const message = `Node ${node.metadata.name} event: ${what}`;
    this.#events.event({ object: node, type: 'Normal', reason, message });
  }

  #reportStatus(node: Node, reason: string): void {
    const message = `Node ${node.metadata.name} status is now: ${reason}`;
    this.#events.event({ object: node, type: 'Normal', reason, message });
  }
}
