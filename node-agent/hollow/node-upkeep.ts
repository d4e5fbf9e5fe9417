import type { Node } from '../../api/generated/core-v1.ts';
import { nodes } from '../../api/generated/resources.ts';
import { isAlreadyExists, isNotFound } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import { TaskGroup } from '../../base/task-group.ts';
import { WorkQueue } from '../../client/work-queue.ts';
import { leaseRenewPeriodMs, renewNodeLease, repairPeriodMs } from '../status/node-lease.ts';
import type { HollowAgent } from './hollow-agent.ts';
import type { HollowNode } from './hollow-node.ts';
import { isShownReady, type NodeCapacity, nodeObjectOf, nodeStatusOf } from './node-shape.ts';
import { Rota } from './rota.ts';

/** Nodes that register or renew at the same time: a renewal waits 100 ms for company, and 500 are due a second. */
const renewing = 128;
/** Nodes whose status is written at the same time: fewer than the seats of all nodes, so that no Lease waits for them. */
const writingStatus = 8;
const statusPeriodMs = 5 * 60_000;

export interface NodeUpkeepOptions {
  readonly nodes: ReadonlyMap<string, HollowNode>;
  readonly capacity: NodeCapacity;
  /** Has a Lease renewed together with others'. Resolves in time with whether that was done. */
  readonly renewTogether: (node: HollowNode) => Promise<boolean>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Registers the nodes, renews their Leases in turns, and keeps what the API shows of them true. */
export class NodeUpkeep {
  readonly #options: NodeUpkeepOptions;
  readonly #queue: WorkQueue<string>;
  readonly #statuses: WorkQueue<string>;

  constructor(options: NodeUpkeepOptions) {
    this.#options = options;
    this.#queue = new WorkQueue(options);
    this.#statuses = new WorkQueue(options);
  }

  /** A node that has booted. */
  follow({ name }: HollowNode, agent: HollowAgent): void {
    const look = ({ metadata }: Node): void => {
      if (metadata.name === name) this.look(name);
    };
    agent.nodes.addHandler({ onAdd: look, onUpdate: (_previous, node) => look(node), onDelete: look });
  }

  /** Something about the node has changed. */
  look(name: string): void {
    if (this.#options.nodes.has(name)) this.#queue.add(name);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { nodes: all, clock } = this.#options;
    const names = [...all.keys()];
    const visit = (index: number): void => {
      const node = all.get(names[index] ?? '');
      if (node?.power === 'on') void this.#takeTurn(node);
    };
    const group = new TaskGroup(signal);
    for (let n = 0; n < renewing; n += 1)
      group.start((until) => this.#work(this.#queue, (node) => this.#sync(node), until));
    for (let n = 0; n < writingStatus; n += 1)
      group.start((until) => this.#work(this.#statuses, (node) => this.#syncStatus(node), until));
    group.start((until) =>
      new Rota({ clock, periodMs: leaseRenewPeriodMs, count: names.length, visit }).run(until),
    );
    await group.join();
  }

  async #work(
    queue: WorkQueue<string>,
    sync: (node: HollowNode) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    for (;;) {
      const name = await queue.get(signal);
      if (name === undefined) return;
      const node = this.#options.nodes.get(name);
      try {
        if (node?.power === 'on') await sync(node);
        queue.forget(name);
      } catch (error) {
        this.#options.logger.debug({ node: name, reason: messageOf(error) }, 'write a node again');
        queue.addRateLimited(name);
      }
      queue.done(name);
    }
  }

  /** Renews the node's Lease as an agent does: together with others', and by itself when that is not confirmed. */
  async #takeTurn(node: HollowNode): Promise<void> {
    const { agent, leaseWrittenAtMs } = node;
    const sinceMs = this.#options.clock.monotonicMs() - (leaseWrittenAtMs ?? Number.NEGATIVE_INFINITY);
    if (sinceMs < repairPeriodMs && agent?.client.isConnected() === true) {
      const isRenewed = await this.#options.renewTogether(node);
      // Dead or booted anew since.
      if (node.agent !== agent || node.power !== 'on') return;
      if (isRenewed) {
        node.lease = undefined;
        return;
      }
    }
    node.isLeaseDue = true;
    this.#queue.add(node.name);
  }

  async #sync(node: HollowNode): Promise<void> {
    const { agent } = node;
    // One that boots comes when it has seen whether it is registered.
    if (agent?.knowsNode !== true) return;
    const shown = shownNode(node) ?? (await this.#register(node, agent));
    if (node.isLeaseDue) await this.#renew(node, agent, shown.metadata.uid);
    if (this.#isStatusDue(node, shown)) this.#statuses.add(node.name);
  }

  async #syncStatus(node: HollowNode): Promise<void> {
    // One that is not known yet comes back when it is.
    const shown = shownNode(node);
    if (shown !== undefined && this.#isStatusDue(node, shown)) await this.#writeStatus(node, shown);
  }

  async #register(node: HollowNode, { client }: HollowAgent): Promise<Node> {
    const { capacity, clock } = this.#options;
    node.lease = undefined;
    node.isLeaseDue = true;
    try {
      const created = await client.create(nodes, nodeObjectOf(node, capacity, clock.nowMs()));
      node.statusWrittenAtMs = clock.monotonicMs();
      return created;
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      return client.get(nodes, { name: node.name });
    }
  }

  async #renew(node: HollowNode, { client }: HollowAgent, uid: string): Promise<void> {
    const options = { ...this.#options, client, nodeName: node.name, nodeUid: () => uid };
    const known = node.lease;
    node.isLeaseDue = false;
    node.lease = undefined;
    node.leaseWrittenAtMs = undefined;
    try {
      node.lease = await renewNodeLease(options, known);
      node.leaseWrittenAtMs = this.#options.clock.monotonicMs();
    } catch (error) {
      node.isLeaseDue = true;
      throw error;
    }
  }

  #isStatusDue(node: HollowNode, shown: Node): boolean {
    if (node.isStatusDue || !isShownReady(shown)) return true;
    if (node.statusWrittenAtMs === 0) node.statusWrittenAtMs = this.#options.clock.monotonicMs();
    return this.#options.clock.monotonicMs() - node.statusWrittenAtMs >= statusPeriodMs;
  }

  async #writeStatus(node: HollowNode, shown: Node): Promise<void> {
    const { capacity, clock } = this.#options;
    const { addresses, ...status } = nodeStatusOf(
      node,
      capacity,
      shown.status?.conditions ?? [],
      clock.nowMs(),
    );
    const body = { status: { ...status, addresses: [...(addresses ?? []), { $patch: 'replace' }] } };
    try {
      await node.agent?.client.patch(
        nodes,
        { name: node.name },
        { type: 'strategic', body },
        { subresource: 'status' },
      );
      node.isStatusDue = false;
      node.statusWrittenAtMs = clock.monotonicMs();
    } catch (error) {
      // Deleted meanwhile: its event brings us back, to register.
      if (!isNotFound(error)) throw error;
    }
  }
}

const shownNode = ({ name, agent }: HollowNode): Node | undefined => agent?.nodes.lister.get(undefined, name);
