import type { OwnerReference } from '../../api/generated/meta-v1.ts';
import type { ApiObject, ResourceType } from '../../api/kind-info.ts';

export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

/** What the collector knows of an object. */
export interface GraphNode {
  readonly type: ResourceType<ApiObject>;
  readonly uid: string;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly resourceVersion: string;
  readonly owners: readonly OwnerReference[];
  readonly finalizers: readonly string[];
  readonly deleting: boolean;
}

/** Uids of objects that are known to be gone, so many at most. A uid never comes back. */
const maxRemembered = 20_000;

/** Who owns whom, by uid, over all kinds. */
export class OwnerGraph {
  readonly #nodes = new Map<string, GraphNode>();
  readonly #dependents = new Map<string, Set<string>>();
  readonly #gone = new Set<string>();

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  has(uid: string): boolean {
    return this.#nodes.has(uid);
  }

  /** Is the object with this uid known to be gone for good? */
  isGone(uid: string): boolean {
    return this.#gone.has(uid);
  }

  dependentsOf(uid: string): GraphNode[] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap((dependent) => this.#nodes.get(dependent) ?? []);
  }

  set(node: GraphNode): void {
    this.#unlink(this.#nodes.get(node.uid));
    this.#nodes.set(node.uid, node);
    for (const { uid } of node.owners) {
      const dependents = this.#dependents.get(uid) ?? new Set();
      this.#dependents.set(uid, dependents.add(node.uid));
    }
  }

  delete(uid: string): void {
    this.#unlink(this.#nodes.get(uid));
    this.#nodes.delete(uid);
    this.rememberGone(uid);
  }

  rememberGone(uid: string): void {
    this.#gone.add(uid);
    for (const oldest of this.#gone) {
      if (this.#gone.size <= maxRemembered) break;
      this.#gone.delete(oldest);
    }
  }

  #unlink(node: GraphNode | undefined): void {
    for (const { uid } of node?.owners ?? []) {
      const dependents = this.#dependents.get(uid);
      dependents?.delete(node?.uid ?? '');
      if (dependents?.size === 0) this.#dependents.delete(uid);
    }
  }
}

export function toGraphNode(type: ResourceType<ApiObject>, { metadata }: ApiObject): GraphNode {
  return {
    type,
    uid: metadata.uid,
    namespace: metadata.namespace,
    name: metadata.name,
    resourceVersion: metadata.resourceVersion,
    owners: metadata.ownerReferences ?? [],
    finalizers: metadata.finalizers ?? [],
    deleting: metadata.deletionTimestamp !== undefined,
  };
}

/** Is the object to go only after its dependents? */
export function isForegroundDeletion(node: GraphNode): boolean {
  return node.deleting && node.finalizers.includes(foregroundFinalizer);
}

/** Whether `reference`, of an object in `namespace`, names this very object: a uid alone may be of one elsewhere. */
export function isNamed(node: GraphNode, reference: OwnerReference, namespace: string | undefined): boolean {
  const isNear = node.namespace === undefined || node.namespace === namespace;
  return isNear && node.name === reference.name && node.type.kind === reference.kind;
}
