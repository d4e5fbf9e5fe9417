import type { Service, ServicePort } from '../../api/generated/core-v1.ts';
import { parseIpv4 } from '../network/ipv4.ts';
import { endpointsOf, type PortEndpoints, type Target } from './endpoints.ts';
import type { ServiceView } from './service-tracker.ts';

/**
 * The kernel's maps of frontends. `services` is keyed by address, protocol and port; `node_ports` by protocol and port
 * on every address of the node. The `outside_` ones are asked first, and only by traffic that comes from outside the
 * cluster: they hold what `externalTrafficPolicy: Local` keeps on this node.
 */
export type FrontendMap = 'services' | 'node_ports' | 'outside_services' | 'outside_node_ports';

/** One thing that clients connect to. */
export interface Frontend {
  /** `MAP KEY`: unique in the kernel. */
  readonly id: string;
  readonly map: FrontendMap;
  /** `10.96.0.1 . tcp . 80`, or `tcp . 30080` */
  readonly key: string;
  readonly endpoints: readonly Target[];
  /** `refuse` answers at once that nobody is there; `drop` leaves the client to try another node. */
  readonly whenEmpty: 'refuse' | 'drop';
  /** ClientIP affinity: frontends of one group share what they remember. */
  readonly affinity: { readonly group: string; readonly seconds: number } | undefined;
  /** When two services claim the same frontend, the lower rank has it: node ports first, then the older service. */
  readonly rank: string;
}

export interface FrontendContext {
  readonly nodeName: string;
  /** Never translated: the node itself answers there. */
  readonly clusterDns: string;
  /** Addresses of nodes: a load balancer's port is open there by `node_ports`. */
  readonly nodeIps: ReadonlySet<string>;
  /** Ports of the node itself that no load balancer may take. */
  readonly reservedPorts: ReadonlySet<number>;
}

const defaultAffinitySeconds = 10_800;

/** What a service looks like to this node's kernel. Pure. */
export function frontendsOf(view: ServiceView, context: FrontendContext): Frontend[] {
  const { spec } = view.service;
  if (spec.type === 'ExternalName' || spec.clusterIP === 'None') return [];
  return (spec.ports ?? []).flatMap((port) => portFrontends(view, port, context));
}

function portFrontends(view: ServiceView, port: ServicePort, context: FrontendContext): Frontend[] {
  const { service } = view;
  const { spec } = service;
  const endpoints = endpointsOf(view.slices, port, context.nodeName);
  const protocol = (port.protocol ?? 'TCP').toLowerCase();
  const isLocal = spec.externalTrafficPolicy === 'Local';
  const base = { view, port, protocol, endpoints };
  const internal = clusterIpsOf(service)
    .filter((ip) => ip !== context.clusterDns)
    .map((ip) =>
      toFrontend(
        base,
        'services',
        `${ip} . ${protocol} . ${port.port}`,
        spec.internalTrafficPolicy === 'Local',
      ),
    );
  const addresses = externalAddressesOf(service, context).map((ip) => `${ip} . ${protocol} . ${port.port}`);
  const ports = nodePortsOf(service, port, context).map((number) => `${protocol} . ${number}`);
  const external = [
    ...addresses.map((key) => toFrontend(base, 'services', key, false)),
    ...ports.map((key) => toFrontend(base, 'node_ports', key, false)),
  ];
  if (!isLocal) return [...internal, ...external];
  return [
    ...internal,
    ...external,
    ...addresses.map((key) => toFrontend(base, 'outside_services', key, true)),
    ...ports.map((key) => toFrontend(base, 'outside_node_ports', key, true)),
  ];
}

function toFrontend(
  base: {
    readonly view: ServiceView;
    readonly port: ServicePort;
    readonly protocol: string;
    readonly endpoints: PortEndpoints;
  },
  map: FrontendMap,
  key: string,
  onlyHere: boolean,
): Frontend {
  const { service } = base.view;
  const seconds = service.spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds;
  const isNodePort = base.port.nodePort !== undefined && key === `${base.protocol} . ${base.port.nodePort}`;
  return {
    id: `${map} ${key}`,
    map,
    key,
    endpoints: onlyHere ? base.endpoints.here : base.endpoints.everywhere,
    whenEmpty: onlyHere && base.endpoints.everywhere.length > 0 ? 'drop' : 'refuse',
    affinity:
      service.spec.sessionAffinity === 'ClientIP'
        ? { group: `${base.view.key} ${base.port.name ?? ''} ${base.protocol} ${onlyHere}`, seconds }
        : undefined,
    rank: `${isNodePort ? 0 : 1} ${service.metadata.creationTimestamp} ${base.view.key}`,
  };
}

function clusterIpsOf(service: Service): string[] {
  const ips =
    service.spec.clusterIPs ?? (service.spec.clusterIP === undefined ? [] : [service.spec.clusterIP]);
  return ips.filter(isIpv4);
}

function externalAddressesOf(service: Service, context: FrontendContext): string[] {
  const ingress = (service.status?.loadBalancer?.ingress ?? [])
    .filter((entry) => entry.ipMode !== 'Proxy')
    .map((entry) => entry.ip ?? '')
    .filter((ip) => !context.nodeIps.has(ip));
  const balanced = service.spec.type === 'LoadBalancer' ? ingress : [];
  return [...new Set([...(service.spec.externalIPs ?? []), ...balanced])].filter(isIpv4);
}

function nodePortsOf(service: Service, port: ServicePort, context: FrontendContext): number[] {
  const nodePort = port.nodePort === undefined || port.nodePort === 0 ? [] : [port.nodePort];
  const open = service.spec.type === 'LoadBalancer' && !context.reservedPorts.has(port.port);
  return [...new Set([...nodePort, ...(open ? [port.port] : [])])];
}

function isIpv4(text: string): boolean {
  return parseIpv4(text) !== undefined;
}
