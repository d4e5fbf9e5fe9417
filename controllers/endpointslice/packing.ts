import type { Endpoint, EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { endpointKey } from './endpoint-key.ts';

export const maxEndpointsPerSlice = 100;

export interface PackedSlice {
  /** The existing slice that these go into; undefined is a new one. */
  readonly slice: EndpointSlice | undefined;
  readonly endpoints: Endpoint[];
}

interface Filling extends PackedSlice {
  /** Has lost an endpoint, so that it is written anyway. */
  readonly changes: boolean;
}

/**
 * Distributes endpoints over slices. What is in a slice stays there, in its order; new ones fill first the slices that
 * change anyway, then the fullest one that has room for all the rest, then new slices. Empty slices are not returned.
 */
export function packEndpoints(wanted: readonly Endpoint[], slices: readonly EndpointSlice[]): PackedSlice[] {
  const pending = new Map(wanted.map((endpoint) => [endpointKey(endpoint), endpoint]));
  const packed: Filling[] = slices.map((slice) => keepIn(slice, pending));
  const rest = [...pending.values()];
  for (const { endpoints } of packed.filter((one) => one.changes && one.endpoints.length > 0))
    endpoints.push(...rest.splice(0, maxEndpointsPerSlice - endpoints.length));
  while (rest.length > 0) {
    const roomy = packed
      .filter(({ endpoints }) => endpoints.length + rest.length <= maxEndpointsPerSlice)
      .sort((a, b) => b.endpoints.length - a.endpoints.length)[0];
    if (roomy !== undefined) roomy.endpoints.push(...rest.splice(0));
    else packed.push({ slice: undefined, endpoints: rest.splice(0, maxEndpointsPerSlice), changes: true });
  }
  return packed.filter(({ endpoints }) => endpoints.length > 0);
}

/** The endpoints of `slice` that are still wanted, as they are to be now; takes them out of `pending`. */
function keepIn(slice: EndpointSlice, pending: Map<string, Endpoint>): Filling {
  const before = slice.endpoints ?? [];
  const endpoints = before.flatMap((endpoint) => {
    const key = endpointKey(endpoint);
    const wanted = pending.get(key);
    pending.delete(key);
    return wanted === undefined ? [] : [wanted];
  });
  return { slice, endpoints, changes: endpoints.length !== before.length };
}
