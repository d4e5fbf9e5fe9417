import type { ServicePort } from '../../api/generated/core-v1.ts';
import type { Endpoint, EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { parseIpv4 } from '../network/ipv4.ts';

/** `IP . PORT`, as nftables writes the target of a translation. */
export type Target = string;

/** Where one port of a service is served. */
export interface PortEndpoints {
  /** On any node. */
  readonly everywhere: readonly Target[];
  /** On this node. */
  readonly here: readonly Target[];
}

interface Candidate {
  readonly target: Target;
  readonly ready: boolean;
  readonly servingTerminating: boolean;
  readonly local: boolean;
}

/**
 * The endpoints that get traffic: the ready ones, or when there is none those that are terminating but still serve.
 * @see https://kubernetes.io/docs/concepts/services-networking/service/ (KEP-1669)
 */
export function endpointsOf(
  slices: readonly EndpointSlice[],
  port: Pick<ServicePort, 'name' | 'protocol'>,
  nodeName: string,
): PortEndpoints {
  const candidates = slices.flatMap((slice) => candidatesOf(slice, port, nodeName));
  return {
    everywhere: usable(candidates),
    here: usable(candidates.filter((candidate) => candidate.local)),
  };
}

function usable(candidates: readonly Candidate[]): Target[] {
  const ready = candidates.filter((candidate) => candidate.ready);
  const chosen = ready.length > 0 ? ready : candidates.filter((candidate) => candidate.servingTerminating);
  return [...new Set(chosen.map((candidate) => candidate.target))].sort();
}

function candidatesOf(
  slice: EndpointSlice,
  port: Pick<ServicePort, 'name' | 'protocol'>,
  nodeName: string,
): Candidate[] {
  if (slice.addressType !== 'IPv4') return [];
  const number = slice.ports?.find(
    (candidate) =>
      (candidate.name ?? '') === (port.name ?? '') &&
      (candidate.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
  )?.port;
  if (number === undefined) return [];
  return (slice.endpoints ?? []).flatMap((endpoint) => candidateOf(endpoint, number, nodeName));
}

function candidateOf(endpoint: Endpoint, port: number, nodeName: string): Candidate[] {
  const ip = endpoint.addresses[0];
  if (ip === undefined || parseIpv4(ip) === undefined) return [];
  const { ready, serving, terminating } = endpoint.conditions ?? {};
  return [
    {
      target: `${ip} . ${port}`,
      ready: ready !== false,
      servingTerminating: (serving ?? ready) !== false && terminating === true,
      local: endpoint.nodeName === nodeName,
    },
  ];
}
