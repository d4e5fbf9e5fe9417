import type { Node } from '../../api/generated/core-v1.ts';
import type { Peer } from './desired-network.ts';

export function internalIpOf(node: Node): string | undefined {
  return node.status?.addresses?.find(
    (address) => address.type === 'InternalIP' && address.address.includes('.'),
  )?.address;
}

export function podCidrOf(node: Node): string | undefined {
  const cidrs = node.spec?.podCIDRs ?? (node.spec?.podCIDR === undefined ? [] : [node.spec.podCIDR]);
  return cidrs.find((cidr) => cidr.includes('.'));
}

/** Every other node that has an address and a pod range, in the order of their names. */
export function peersOf(nodes: readonly Node[], ownName: string): Peer[] {
  const peers: Peer[] = [];
  for (const node of nodes) {
    const nodeName = node.metadata.name ?? '';
    const nodeIp = internalIpOf(node);
    const podCidr = podCidrOf(node);
    if (nodeName === ownName || nodeIp === undefined || podCidr === undefined) continue;
    peers.push({ nodeName, nodeIp, podCidr });
  }
  return peers.sort((a, b) => (a.nodeName < b.nodeName ? -1 : 1));
}
