import type { FrontendMap } from './frontend.ts';

/** The table of services, all of it ours. */
export const serviceTable = 'coracle';
/** The chain that answers "nobody is there" at once: a plain reject makes TCP clients wait. */
export const refuseChain = 'refuse';

const keyTypes: Readonly<Record<FrontendMap, string>> = {
  services: 'ipv4_addr . inet_proto . inet_service',
  outside_services: 'ipv4_addr . inet_proto . inet_service',
  node_ports: 'inet_proto . inet_service',
  outside_node_ports: 'inet_proto . inet_service',
};

const keyExpressions: Readonly<Record<FrontendMap, string>> = {
  services: 'ip daddr . meta l4proto . th dport',
  outside_services: 'ip daddr . meta l4proto . th dport',
  node_ports: 'meta l4proto . th dport',
  outside_node_ports: 'meta l4proto . th dport',
};

const maps = Object.keys(keyTypes) as FrontendMap[];

/** The map with the endpoints of all frontends of one map that have `count` of them. */
export function endpointMap(map: FrontendMap, count: number): string {
  return `${map}_${count}`;
}

export function endpointChain(map: FrontendMap, count: number): string {
  return `to_${map}_${count}`;
}

/** Map and chain for an endpoint count that no frontend had until now. */
export function countLines(map: FrontendMap, count: number): string[] {
  const key = `${keyExpressions[map]} . numgen random mod ${count}`;
  const name = endpointMap(map, count);
  const chain = endpointChain(map, count);
  return [
    `add map ip ${serviceTable} ${name} { typeof ${key} : ip daddr . th dport; }`,
    `add chain ip ${serviceTable} ${chain}`,
    `add rule ip ${serviceTable} ${chain} dnat ip to ${key} map @${name}`,
  ];
}

/**
 * The table without any service. One verdict map says for each frontend which chain picks its endpoint; the node's own
 * ranges are excluded from node ports, because its DNS answers on an address of the service range.
 */
export function emptyTableText(ranges: {
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  readonly clusterDns: string;
}): string {
  const notForNodePorts = `ip daddr != { 127.0.0.0/8, ${ranges.serviceCidr} }`;
  const look = (map: FrontendMap): string => `${keyExpressions[map]} vmap @${map}`;
  return `add table ip ${serviceTable}
delete table ip ${serviceTable}
table ip ${serviceTable} {
${maps.map((map) => `  map ${map} { type ${keyTypes[map]} : verdict; }`).join('\n')}
  chain ${refuseChain} {
    meta l4proto tcp reject with tcp reset
    reject
  }
  chain from_outside {
    ${look('outside_services')}
    fib daddr type local ${notForNodePorts} ${look('outside_node_ports')}
  }
  chain from_anywhere {
    ${look('services')}
    fib daddr type local ${notForNodePorts} ${look('node_ports')}
    ip daddr ${ranges.serviceCidr} ip daddr != ${ranges.clusterDns} goto ${refuseChain}
  }
  chain prerouting {
    type nat hook prerouting priority dstnat
    ip saddr != ${ranges.clusterCidr} fib saddr type != local jump from_outside
    jump from_anywhere
  }
  chain output {
    type nat hook output priority -100
    jump from_anywhere
  }
}
`;
}
