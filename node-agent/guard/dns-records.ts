import type { ServicePort } from '../../api/generated/core-v1.ts';
import type { Endpoint, EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { parseIpv4 } from '../network/ipv4.ts';
import type { ServiceView } from '../proxy/service-tracker.ts';

/**
 * The names that one service owns. Names and targets are relative to the cluster domain (`web.default.svc`), but for
 * the target of a `cname`, which is absolute.
 * @see https://github.com/kubernetes/dns/blob/master/docs/specification.md
 */
export interface ServiceRecords {
  readonly a: readonly (readonly [name: string, ips: readonly string[]])[];
  readonly srv: readonly (readonly [
    name: string,
    targets: readonly (readonly [port: number, target: string])[],
  ])[];
  readonly ptr: readonly (readonly [ip: string, name: string])[];
  readonly cname: readonly (readonly [name: string, target: string])[];
}

/** Pure: a service and its slices as the DNS specification of Kubernetes names them. */
export function recordsOf(view: ServiceView): ServiceRecords {
  const { spec, metadata } = view.service;
  const name = `${metadata.name}.${metadata.namespace}.svc`;
  if (spec.type === 'ExternalName')
    return { a: [], srv: [], ptr: [], cname: [[name, (spec.externalName ?? '').replace(/\.$/, '')]] };
  const clusterIps = (spec.clusterIPs ?? [spec.clusterIP ?? '']).filter((ip) => parseIpv4(ip) !== undefined);
  if (clusterIps.length > 0) return clusterRecords(name, clusterIps, spec.ports ?? []);
  return headlessRecords(name, view.slices, spec.publishNotReadyAddresses === true);
}

function clusterRecords(name: string, ips: readonly string[], ports: readonly ServicePort[]): ServiceRecords {
  return {
    a: [[name, ips]],
    srv: ports
      .filter((port) => port.name !== undefined && port.name !== '')
      .map((port) => [srvName(port.name ?? '', port.protocol, name), [[port.port, name]]] as const),
    ptr: ips.map((ip) => [ip, name] as const),
    cname: [],
  };
}

interface Host {
  readonly name: string;
  readonly ip: string;
  readonly hasHostname: boolean;
}

function headlessRecords(
  name: string,
  slices: readonly EndpointSlice[],
  publishNotReady: boolean,
): ServiceRecords {
  const hosts = new Map<string, Host>();
  const srv = new Map<string, Map<string, readonly [number, string]>>();
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue;
    for (const host of (slice.endpoints ?? []).flatMap((endpoint) =>
      hostsOf(endpoint, name, publishNotReady),
    )) {
      hosts.set(`${host.name} ${host.ip}`, host);
      for (const port of slice.ports ?? []) {
        if (port.port === undefined || (port.name ?? '') === '') continue;
        const owner = srvName(port.name ?? '', port.protocol, name);
        const targets = srv.get(owner) ?? new Map<string, readonly [number, string]>();
        srv.set(owner, targets.set(`${port.port} ${host.name}`, [port.port, host.name]));
      }
    }
  }
  const byName = new Map<string, string[]>();
  for (const host of hosts.values())
    byName.set(host.name, [...(byName.get(host.name) ?? []), host.ip].sort());
  const all = [...new Set([...hosts.values()].map((host) => host.ip))].sort();
  return {
    a: [[name, all], ...byName],
    srv: [...srv].map(([owner, targets]) => [owner, [...targets.values()]] as const),
    ptr: [...hosts.values()].filter((host) => host.hasHostname).map((host) => [host.ip, host.name] as const),
    cname: [],
  };
}

function hostsOf(endpoint: Endpoint, serviceName: string, publishNotReady: boolean): Host[] {
  if (endpoint.conditions?.ready === false && !publishNotReady) return [];
  return endpoint.addresses
    .filter((ip) => parseIpv4(ip) !== undefined)
    .map((ip) => ({
      name: `${endpoint.hostname ?? ip.replaceAll('.', '-')}.${serviceName}`,
      ip,
      hasHostname: endpoint.hostname !== undefined,
    }));
}

function srvName(port: string, protocol: string | undefined, name: string): string {
  return `_${port}._${(protocol ?? 'TCP').toLowerCase()}.${name}`;
}
