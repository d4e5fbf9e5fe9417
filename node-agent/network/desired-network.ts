import { formatIpv4, macOf, parseIpv4Range } from './ipv4.ts';

/** Names carry the role, so that an operator recognises them on a host that has links of others. */
export const bridgeName = 'crc0';
export const vxlanName = 'crcvx';
export const podLinkPrefix = 'crc';

/** IANA's VXLAN port is 4789; Linux and flannel use 8472, and so do we. The id keeps flannel's (1) apart. */
const vxlanPort = 8472;
const vxlanId = 71;
/** Outer Ethernet, IPv4, UDP and VXLAN headers: 14 + 20 + 8 + 8 bytes. */
const vxlanOverheadBytes = 50;

/**
 * A packet from a pod to a service that ends in a pod of the same bridge is bridged, not routed: netfilter sees its
 * answer only when the bridge calls it (per bridge, so no sysctl of the whole host is touched).
 */
const bridgeArguments = 'nf_call_iptables 1 mcast_snooping 0';

/** Another node, as far as packets to its pods are concerned. */
export interface Peer {
  readonly nodeName: string;
  readonly nodeIp: string;
  readonly podCidr: string;
}

export interface LocalNode {
  readonly nodeIp: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly clusterDns: string;
  /** The link that has `nodeIp`, and its MTU. */
  readonly underlay: { readonly name: string; readonly mtu: number };
}

export interface Link {
  readonly name: string;
  readonly kind: 'bridge' | 'vxlan';
  readonly mac: string;
  readonly mtu: number;
  /** What `ip link add` gets after the type; a link with another value must be made anew. */
  readonly typeArguments: string;
}

/** What the kernel of a node holds, or has to hold (then a function of the Node objects, and nothing else). */
export interface NetworkState {
  readonly links: readonly Link[];
  /** `ADDRESS/LENGTH dev LINK` */
  readonly addresses: readonly string[];
  /** As `ip route replace` takes them. */
  readonly routes: readonly string[];
  /** `IP lladdr MAC dev LINK` */
  readonly neighbours: readonly string[];
  /** `MAC dev LINK dst IP` */
  readonly forwarding: readonly string[];
}

/** The first address of a node's pod range is its VTEP's, the second the pods' gateway. */
export function vtepIpOf(podCidr: string): string {
  return formatIpv4(parseIpv4Range(podCidr).base);
}

export function gatewayOf(podCidr: string): string {
  return formatIpv4(parseIpv4Range(podCidr).base + 1);
}

/** A function of the node's address, so that no annotation has to carry it. */
export function vtepMacOf(nodeIp: string): string {
  return macOf('0e:c0', nodeIp);
}

export function podMtu(local: LocalNode): number {
  return local.underlay.mtu - vxlanOverheadBytes;
}

export function desiredNetwork(local: LocalNode, peers: readonly Peer[]): NetworkState {
  const gateway = gatewayOf(local.podCidr);
  const { prefixLength } = parseIpv4Range(local.podCidr);
  const mtu = podMtu(local);
  return {
    links: [
      { name: bridgeName, kind: 'bridge', mac: macOf('0a:58', gateway), mtu, typeArguments: bridgeArguments },
      {
        name: vxlanName,
        kind: 'vxlan',
        mac: vtepMacOf(local.nodeIp),
        mtu,
        typeArguments: `id ${vxlanId} dstport ${vxlanPort} local ${local.nodeIp} dev ${local.underlay.name} nolearning`,
      },
    ],
    addresses: [
      `${gateway}/${prefixLength} dev ${bridgeName}`,
      `${vtepIpOf(local.podCidr)}/32 dev ${vxlanName}`,
      `${local.clusterDns}/32 dev lo`,
    ],
    routes: [
      // Gives what the node itself sends to a service a source that every node can answer to. The link does not
      // matter, as the destination is rewritten before the packet leaves; this one always has a carrier.
      `${local.serviceCidr} dev ${vxlanName} src ${gateway}`,
      ...peers.map((peer) => `${peer.podCidr} via ${vtepIpOf(peer.podCidr)} dev ${vxlanName} onlink`),
    ],
    neighbours: peers.map(
      (peer) => `${vtepIpOf(peer.podCidr)} lladdr ${vtepMacOf(peer.nodeIp)} dev ${vxlanName}`,
    ),
    forwarding: peers.map((peer) => `${vtepMacOf(peer.nodeIp)} dev ${vxlanName} dst ${peer.nodeIp}`),
  };
}
