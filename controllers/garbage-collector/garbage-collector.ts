import type { OwnerReference } from '../../api/generated/meta-v1.ts';
import { type ApiObject, type ResourceType, toApiVersion } from '../../api/kind-info.ts';
import { isConflict, isNotFound } from '../../api/status-error.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop } from '../loop.ts';
import {
  foregroundFinalizer,
  type GraphNode,
  isForegroundDeletion,
  isNamed,
  OwnerGraph,
  orphanFinalizer,
  toGraphNode,
} from './graph.ts';
import { Monitors } from './monitors.ts';
import { type Collection, type OwnerState, planCollection } from './plan-collection.ts';

const workers = 20;

/**
 * Deletes what has lost all its owners, lets owners that wait for their dependents go when those have gone, and cuts
 * the ties of owners that are deleted without them. Keys are uids.
 *
 * INVARIANTS: an owner that is not in the graph is looked up at the server before it counts as gone, by uid and not by
 * name; every write names the version or uid that it was decided on.
 */
export class GarbageCollector implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #events: EventSink;
  readonly #graph = new OwnerGraph();
  readonly #monitors: Monitors;
  readonly #loop: ReconcileLoop;
  readonly #synced: Promise<void>;
  #resolveSynced: () => void = () => undefined;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#events = context.eventsOf('garbage-collector-controller');
    this.#synced = new Promise((resolve) => {
      this.#resolveSynced = resolve;
    });
    this.#monitors = new Monitors(context, (type) => this.#handlerOf(type));
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'garbage-collector', workers),
      needs: [{ whenSynced: (signal) => this.#whenSynced(signal) }],
      sync: (uid) => this.#sync(uid),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#monitors.run(signal, this.#resolveSynced), this.#loop.run(signal)]);
  }

  #whenSynced(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    return Promise.race([this.#synced, aborted]);
  }

  #handlerOf(type: ResourceType<ApiObject>): {
    onAdd(object: ApiObject): void;
    onUpdate(previous: ApiObject, object: ApiObject): void;
    onDelete(last: ApiObject): void;
  } {
    return {
      onAdd: (object) => this.#observe(toGraphNode(type, object)),
      onUpdate: (_previous, object) => this.#observe(toGraphNode(type, object)),
      onDelete: ({ metadata }) => {
        const waiting = (metadata.ownerReferences ?? []).map(({ uid }) => uid);
        const dependents = this.#graph.dependentsOf(metadata.uid);
        this.#graph.delete(metadata.uid);
        for (const { uid } of dependents) this.#loop.enqueue(uid);
        for (const uid of waiting) this.#enqueueIfWaiting(uid);
      },
    };
  }

  #observe(node: GraphNode): void {
    const before = this.#graph.get(node.uid);
    this.#graph.set(node);
    if (
      node.deleting &&
      node.finalizers.some((one) => one === orphanFinalizer || one === foregroundFinalizer)
    ) {
      this.#loop.enqueue(node.uid);
      for (const dependent of this.#graph.dependentsOf(node.uid)) this.#loop.enqueue(dependent.uid);
    }
    if (node.owners.some((owner) => this.#isDoubtful(node, owner))) this.#loop.enqueue(node.uid);
    for (const { uid, blockOwnerDeletion } of before?.owners ?? [])
      if (!node.owners.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === blockOwnerDeletion))
        this.#enqueueIfWaiting(uid);
  }

  #isDoubtful({ namespace }: GraphNode, owner: OwnerReference): boolean {
    const known = this.#graph.get(owner.uid);
    return known === undefined || isForegroundDeletion(known) || !isNamed(known, owner, namespace);
  }

  #enqueueIfWaiting(uid: string): void {
    if (this.#isWaiting(uid)) this.#loop.enqueue(uid);
  }

  #isWaiting(uid: string): boolean {
    const node = this.#graph.get(uid);
    return node !== undefined && isForegroundDeletion(node);
  }

  async #sync(uid: string): Promise<undefined> {
    const node = this.#graph.get(uid);
    if (node === undefined) return;
    if (node.deleting && node.finalizers.includes(orphanFinalizer)) return this.#orphanDependents(node);
    const states = new Map<string, OwnerState>();
    for (const owner of node.owners) states.set(owner.uid, await this.#stateOf(node, owner));
    const dependents = this.#graph.dependentsOf(uid);
    const plan = planCollection(node, dependents, (owner) => states.get(owner.uid) ?? 'solid');
    await this.#apply(node, plan);
  }

  /** Of the graph where it knows the owner, else of the server. An unknown kind keeps its dependents. */
  async #stateOf(node: GraphNode, owner: OwnerReference): Promise<OwnerState> {
    const known = this.#graph.get(owner.uid);
    if (known !== undefined && isNamed(known, owner, node.namespace))
      return isForegroundDeletion(known) ? 'waiting' : 'solid';
    if (this.#graph.isGone(owner.uid)) return 'gone';
    const type = this.#monitors.typeOf(owner.apiVersion, owner.kind);
    if (type === undefined) return 'solid';
    if (type.namespaced && node.namespace === undefined) {
      this.#reportStranger(node, owner);
      return 'solid';
    }
    const namespace = type.namespaced ? node.namespace : undefined;
    if (await this.#exists(type, { namespace, name: owner.name }, owner.uid)) return 'solid';
    // An object that is there under another name, or elsewhere, is nobody's owner here.
    if (known === undefined) this.#graph.rememberGone(owner.uid);
    else this.#reportStranger(node, owner);
    return 'gone';
  }

  #reportStranger(node: GraphNode, owner: OwnerReference): void {
    const { type, namespace = '', name, uid, resourceVersion } = node;
    const of = `${owner.apiVersion}/${owner.kind}, namespace: ${namespace}, name: ${owner.name}, uid: ${owner.uid}`;
    const metadata = { namespace: node.namespace, name, uid, resourceVersion, creationTimestamp: '' };
    this.#events.event({
      object: { apiVersion: toApiVersion(type), kind: type.kind, metadata },
      type: 'Warning',
      reason: 'OwnerRefInvalidNamespace',
      message: `ownerRef [${of}] does not exist in namespace ${JSON.stringify(namespace)}`,
    });
  }

  async #exists(
    type: ResourceType<ApiObject>,
    ref: { readonly namespace: string | undefined; readonly name: string },
    uid: string,
  ): Promise<boolean> {
    try {
      const live = await this.#context.client.get(type, ref);
      return live.metadata.uid === uid;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  async #apply(node: GraphNode, plan: Collection): Promise<void> {
    const { uid, resourceVersion } = node;
    switch (plan.kind) {
      case 'keep':
        return;
      case 'await':
        for (const dependent of plan.dependents) this.#loop.enqueue(dependent.uid);
        return;
      case 'unblock':
        return this.#removeFinalizer(node, foregroundFinalizer);
      case 'yield':
      case 'disown':
        return this.#patch(node, { ownerReferences: plan.owners });
      case 'delete':
        this.#context.logger.debug(
          { kind: node.type.kind, namespace: node.namespace, name: node.name },
          'collect',
        );
        return this.#tolerating(node, () =>
          this.#context.client.delete(node.type, node, {
            uid,
            resourceVersion,
            propagationPolicy: plan.propagation,
          }),
        );
    }
  }

  async #orphanDependents(node: GraphNode): Promise<undefined> {
    for (const dependent of this.#graph.dependentsOf(node.uid)) {
      const owners = dependent.owners.filter(({ uid }) => uid !== node.uid);
      await this.#context.client
        .patch(dependent.type, dependent, {
          type: 'merge',
          body: {
            metadata: {
              uid: dependent.uid,
              resourceVersion: dependent.resourceVersion,
              ownerReferences: owners,
            },
          },
        })
        .catch((error: unknown) => {
          // Gone already. A conflict is thrown on: the owner must not go before every tie is cut.
          if (!isNotFound(error)) throw error;
        });
    }
    await this.#removeFinalizer(node, orphanFinalizer);
  }

  #removeFinalizer(node: GraphNode, finalizer: string): Promise<void> {
    return this.#patch(node, { finalizers: node.finalizers.filter((one) => one !== finalizer) });
  }

  #patch(node: GraphNode, metadata: Readonly<Record<string, unknown>>): Promise<void> {
    const { uid, resourceVersion } = node;
    const body = { metadata: { uid, resourceVersion, ...metadata } };
    return this.#tolerating(node, async () => {
      await this.#context.client.patch(node.type, node, { type: 'merge', body });
    });
  }

  /** Gone: done. Changed meanwhile: decided again on the newer version, when the cache has it. */
  async #tolerating(node: GraphNode, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (isNotFound(error)) return;
      if (isConflict(error)) this.#loop.enqueueAfter(node.uid, 50);
      else throw error;
    }
  }
}
