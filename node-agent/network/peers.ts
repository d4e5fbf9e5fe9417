import type { Node } from '../../api/generated/core-v1.ts';
import type { Peer as ApiPeer } from '../../api/peer.ts';
import type { Peer } from './desired-network.ts';

const isIpv4 = (text: string): boolean => text.includes('.');

export function internalIpOf({ addresses }: ApiPeer): string | undefined {
  return addresses?.find(isIpv4);
}

/** @returns that of the node's range which is of IPv4 */
export function podCidrOf(podCidrs: readonly string[] | undefined): string | undefined {
  return podCidrs?.find(isIpv4);
}

/** The same of a Node, which tells it in two ways. */
export function ownPodCidrOf({ spec }: Node): string | undefined {
  return podCidrOf(spec?.podCIDRs ?? (spec?.podCIDR === undefined ? [] : [spec.podCIDR]));
}

/** Every other node that has an address and a pod range, in the order of their names. */
export function peersOf(all: readonly ApiPeer[], ownName: string): Peer[] {
  const peers: Peer[] = [];
  for (const peer of all) {
    const nodeName = peer.metadata.name ?? '';
    const nodeIp = internalIpOf(peer);
    const podCidr = podCidrOf(peer.podCIDRs);
    if (nodeName === ownName || nodeIp === undefined || podCidr === undefined) continue;
    peers.push({ nodeName, nodeIp, podCidr });
  }
  return peers.sort((a, b) => (a.nodeName < b.nodeName ? -1 : 1));
}
