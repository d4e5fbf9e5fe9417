/**
 * What a node may show a serving certificate for. A certificate of the cluster's authority for a name or an address is believed by everything
 * in the cluster that connects there, so a node gets one for itself alone: not for what the API server, a service or another node is known by,
 * even when it writes that into its own status.
 */
import type { Node, Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { addressIndex, internalAddresses } from '../shared-informers.ts';
import type { RequestFacts } from './request-facts.ts';

interface Listed<T> {
  readonly lister: {
    get(namespace: string | undefined, name: string): T | undefined;
    byIndex(index: string, value: string): readonly T[];
  };
}

/** Who has which address in the cluster. */
export interface ClusterAddresses {
  readonly nodes: Listed<Node>;
  readonly services: Listed<Service>;
  readonly endpointSlices: Listed<EndpointSlice>;
}

/** Names of services, and of the API server, which nodes can be called as well. */
const serviceNames = /^(localhost|kubernetes(\.default(\.svc)?)?)$|\.svc$|\.(cluster\.)?local$/;

/** Pure: whether the request of node `name` is for its own name and addresses only. */
export function mayServeAs(
  name: string,
  { dnsNames, ipAddresses }: Pick<RequestFacts, 'dnsNames' | 'ipAddresses'>,
  cluster: ClusterAddresses,
): boolean {
  const node = cluster.nodes.lister.get(undefined, name);
  if (node === undefined) return false;
  if (!dnsNames.every((dnsName) => dnsName === name && !serviceNames.test(dnsName))) return false;
  const own = new Set(internalAddresses(node));
  return (
    ipAddresses.every((address) => own.has(address) && !address.startsWith('127.')) &&
    !isUsed(new Set(ipAddresses), name, cluster)
  );
}

/** Two look-ups for each address, however many nodes and services there are. */
function isUsed(
  addresses: ReadonlySet<string>,
  name: string,
  { nodes, services, endpointSlices }: ClusterAddresses,
): boolean {
  const apiServers = endpointSlices.lister.get('default', 'kubernetes')?.endpoints ?? [];
  return (
    apiServers.some((endpoint) => endpoint.addresses.some((address) => addresses.has(address))) ||
    [...addresses].some(
      (address) =>
        services.lister.byIndex(addressIndex, address).length > 0 ||
        nodes.lister.byIndex(addressIndex, address).some(({ metadata }) => metadata.name !== name),
    )
  );
}
