import type { PortMapping } from '../runtime/runtime.ts';
import { bridgeName, vxlanName } from './desired-network.ts';
import { formatIpv4, parseIpv4Range } from './ipv4.ts';

/** The table of the pod network; services have one of their own. */
export const podTable = 'coracle_pods';

/** A host port as the kernel's map holds it: key `tcp . 8080` or `192.0.2.7 . tcp . 8080`. */
export interface HostPort {
  readonly map: 'host_ports' | 'host_ip_ports';
  readonly key: string;
  readonly target: string;
}

export function hostPortsOf(podIp: string, mappings: readonly PortMapping[]): HostPort[] {
  return mappings
    .filter((mapping) => mapping.hostPort > 0)
    .map((mapping) => {
      const port = `${mapping.protocol.toLowerCase()} . ${mapping.hostPort}`;
      const target = `${podIp} . ${mapping.containerPort}`;
      const anyAddress = mapping.hostIp === '' || mapping.hostIp === '0.0.0.0';
      return anyAddress
        ? { map: 'host_ports', key: port, target }
        : { map: 'host_ip_ports', key: `${mapping.hostIp} . ${port}`, target };
    });
}

/** The whole table in one transaction: the old one goes when the new one comes. */
export function podTableText(options: {
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  readonly podCidr: string;
  readonly hostPorts: readonly HostPort[];
}): string {
  const elements = (map: HostPort['map']): string => {
    const own = options.hostPorts.filter((port) => port.map === map);
    return own.length === 0
      ? ''
      : `elements = { ${own.map((port) => `${port.key} : ${port.target}`).join(', ')} }`;
  };
  return `add table ip ${podTable}
delete table ip ${podTable}
table ip ${podTable} {
  map host_ports {
    type inet_proto . inet_service : ipv4_addr . inet_service
    ${elements('host_ports')}
  }
  map host_ip_ports {
    type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
    ${elements('host_ip_ports')}
  }
  # A packet cannot be compared with itself, so the pairs (x, x) of all the node's pods are listed.
  set selves {
    type ipv4_addr . ipv4_addr
    elements = { ${selvesOf(options.podCidr).join(', ')} }
  }
  chain host_ports_of_node {
    ip daddr ${options.serviceCidr} return
    dnat ip to ip daddr . meta l4proto . th dport map @host_ip_ports
    dnat ip to meta l4proto . th dport map @host_ports
  }
  # Before addresses are put back: no answer to the loopback looks like this on the wire.
  chain loopback_guard {
    type filter hook prerouting priority raw
    iifname != "lo" ip daddr 127.0.0.0/8 drop
  }
  chain prerouting {
    type nat hook prerouting priority dstnat - 5
    fib daddr type local meta l4proto { tcp, udp, sctp } jump host_ports_of_node
  }
  chain output {
    type nat hook output priority -105
    fib daddr type local meta l4proto { tcp, udp, sctp } jump host_ports_of_node
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    ip saddr . ip daddr @selves ct status dnat masquerade comment "a pod that reaches itself by a service"
    oifname "${vxlanName}" ip saddr != ${options.clusterCidr} masquerade comment "answers come back this way"
    oifname "${bridgeName}" ip saddr 127.0.0.0/8 ct status dnat masquerade comment "a host port asked on the loopback"
    oifname "${bridgeName}" accept
    ct status dnat ip saddr != ${options.clusterCidr} fib saddr type != local masquerade comment "to an endpoint on a node"
    ip saddr ${options.clusterCidr} ip daddr != { ${options.clusterCidr}, 224.0.0.0/4 } masquerade comment "egress"
  }
}
`;
}

export function addHostPortsText(ports: readonly HostPort[]): string {
  return ports
    .map((port) => `add element ip ${podTable} ${port.map} { ${port.key} : ${port.target} }\n`)
    .join('');
}

export function deleteHostPortsText(ports: readonly HostPort[]): string {
  return ports.map((port) => `delete element ip ${podTable} ${port.map} { ${port.key} }\n`).join('');
}

function selvesOf(podCidr: string): string[] {
  const range = parseIpv4Range(podCidr);
  const ips = Array.from({ length: Math.max(1, range.size - 2) }, (_, i) => formatIpv4(range.base + 1 + i));
  return ips.map((ip) => `${ip} . ${ip}`);
}
