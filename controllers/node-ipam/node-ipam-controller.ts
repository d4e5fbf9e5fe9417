import type { Node } from '../../api/generated/core-v1.ts';
import { nodes } from '../../api/generated/resources.ts';
import { isConflict, isInvalid, isNotFound } from '../../api/status-error.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import { isTransportError } from '../../client/transport-error.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { CidrPool } from './cidr-pool.ts';

const workers = 8;
const exhaustedRetryMs = 10_000;

/**
 * Gives every Node its pod CIDR as soon as it appears.
 *
 * INVARIANTS: what existing nodes hold is learnt before the first block is given away; a block is marked in memory
 * before it is written, so that parallel workers never write the same one; it is written against the version of the
 * Node that had none, so that two controllers cannot overwrite each other.
 */
export class NodeIpamController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #events: EventSink;
  readonly #pool: CidrPool;
  readonly #loop: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#events = context.eventsOf('cidrAllocator');
    const { clusterCidr, nodeCidrMaskSize } = context.settings;
    this.#pool = new CidrPool(clusterCidr, nodeCidrMaskSize);
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'node-ipam', workers),
      needs: [context.informers.nodes],
      sync: (name) => this.#sync(name),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { nodes: informer } = this.#context.informers;
    await informer.whenSynced(signal);
    for (const node of informer.lister.list()) this.#occupy(node);
    informer.addHandler({
      onAdd: (node) => this.#occupyOrEnqueue(node),
      onUpdate: (_previous, node) => this.#occupyOrEnqueue(node),
      onDelete: (node) => this.#release(node),
    });
    await this.#loop.run(signal);
  }

  #occupyOrEnqueue(node: Node): void {
    this.#occupy(node);
    if (needsCidr(node)) this.#loop.enqueue(node.metadata.name);
  }

  #occupy({ spec }: Node): void {
    if (spec.podCIDR !== undefined) this.#pool.occupy(spec.podCIDR);
  }

  #release({ spec }: Node): void {
    if (spec.podCIDR !== undefined) this.#pool.release(spec.podCIDR);
  }

  async #sync(name: string): Promise<SyncResult | undefined> {
    const node = this.#context.informers.nodes.lister.get(undefined, name);
    if (node === undefined || !needsCidr(node)) return undefined;
    const cidr = this.#pool.allocate();
    if (cidr === undefined) {
      const message = `Node ${name} status is now: CIDRNotAvailable`;
      this.#events.event({ object: node, type: 'Normal', reason: 'CIDRNotAvailable', message });
      return { requeueAfterMs: exhaustedRetryMs };
    }
    await this.#assign(node, cidr);
    return undefined;
  }

  async #assign({ metadata }: Node, cidr: string): Promise<void> {
    const { uid, resourceVersion } = metadata;
    const body = { metadata: { uid, resourceVersion }, spec: { podCIDR: cidr, podCIDRs: [cidr] } };
    try {
      await this.#context.client.patch(nodes, metadata, { type: 'merge', body });
    } catch (error) {
      // Without an answer it may have been written: keep it marked, the cache or the next start tells.
      if (!isTransportError(error)) this.#pool.release(cidr);
      // Gone, or changed meanwhile: the node's next event shows what to do.
      if (isNotFound(error) || isConflict(error) || isInvalid(error)) return;
      throw error;
    }
  }
}

function needsCidr({ metadata, spec }: Node): boolean {
  return (spec.podCIDR ?? '') === '' && metadata.deletionTimestamp === undefined;
}
