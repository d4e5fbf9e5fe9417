import type { ApiObject, ResourceType } from './kind-info.ts';

/**
 * What one node has to know of another: a view of the Node of the same name and uid, made by the API server and stored
 * nowhere. Its resourceVersion is one of the Node's, the last that changed what stands here or a later one.
 */
export interface Peer extends ApiObject {
  /** The Node's InternalIPs, in its order; absent when it has none yet. */
  readonly addresses?: readonly string[];
  /** The ranges of its pods; absent when it has none yet. */
  readonly podCIDRs?: readonly string[];
  /** Present when nobody can reach its pods: it is tainted as unreachable or dead. */
  readonly unreachable?: true;
}

export const peers: ResourceType<Peer> = {
  group: 'coracle.dev',
  version: 'v1',
  kind: 'Peer',
  plural: 'peers',
  namespaced: false,
};
