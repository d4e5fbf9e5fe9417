import type { Node, Pod, Service } from '../api/generated/core-v1.ts';
import type { EndpointSlice } from '../api/generated/discovery-v1.ts';
import { endpointslices, nodes, pods, services } from '../api/generated/resources.ts';
import type { ApiObject, ResourceType } from '../api/kind-info.ts';
import { type Peer, peers } from '../api/peer.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { ApiClient, Selection } from '../client/client.ts';
import { Informer } from '../client/informer.ts';

/** What an agent follows in the API. */
export interface Followed {
  /** Those bound to this node. */
  readonly pods: Informer<Pod>;
  /** This node's own. */
  readonly nodes: Informer<Node>;
  /** All nodes, this one included, as far as nodes concern each other. */
  readonly peers: Informer<Peer>;
  readonly services: Informer<Service>;
  readonly endpointSlices: Informer<EndpointSlice>;
}

export interface FollowOptions {
  readonly client: ApiClient;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export function createFollowed({ nodeName, ...shared }: FollowOptions): Followed {
  const create = <T extends ApiObject>(type: ResourceType<T>, selection?: Selection): Informer<T> =>
    new Informer({ ...shared, type, selection });
  return {
    pods: create(pods, { fieldSelector: `spec.nodeName=${nodeName}` }),
    nodes: create(nodes, { fieldSelector: `metadata.name=${nodeName}` }),
    peers: create(peers),
    services: create(services),
    endpointSlices: create(endpointslices),
  };
}
