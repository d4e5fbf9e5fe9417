import type { Service, ServiceSpec } from '../../api/generated/core-v1.ts';

const clientIpSeconds = 10_800;

export const needsClusterIp = ({ type }: ServiceSpec): boolean =>
  type === 'ClusterIP' || type === 'NodePort' || type === 'LoadBalancer';
export const needsNodePort = (spec: ServiceSpec): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
const needsHealthCheckPort = (spec: ServiceSpec): boolean =>
  spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
export const isHeadless = (spec: ServiceSpec): boolean => spec.clusterIP === 'None';
/** Reachable from outside the cluster, so that an external traffic policy has a meaning. */
export const isExternallyAccessible = (spec: ServiceSpec): boolean =>
  spec.type === 'LoadBalancer' ||
  spec.type === 'NodePort' ||
  (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0);

/** Mutates. */
export function setServiceDefaults({ spec, status }: Service): void {
  spec.sessionAffinity ??= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'ClientIP') {
    spec.sessionAffinityConfig ??= {};
    spec.sessionAffinityConfig.clientIP ??= {};
    spec.sessionAffinityConfig.clientIP.timeoutSeconds ??= clientIpSeconds;
  }
  spec.type ??= 'ClusterIP';
  for (const port of spec.ports ?? []) {
    port.protocol ??= 'TCP';
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '')
      port.targetPort = port.port;
  }
  if (isExternallyAccessible(spec)) spec.externalTrafficPolicy ??= 'Cluster';
  if (needsClusterIp(spec)) spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type !== 'LoadBalancer') return;
  spec.allocateLoadBalancerNodePorts ??= true;
  for (const ingress of status?.loadBalancer?.ingress ?? [])
    if ((ingress.ip ?? '') !== '') ingress.ipMode ??= 'VIP';
}

/** The cluster is of one address family. Mutates. */
export function setIpFamilies(spec: ServiceSpec): void {
  if (!needsClusterIp(spec)) return;
  spec.ipFamilyPolicy ??= 'SingleStack';
  if ((spec.ipFamilies ?? []).length === 0) spec.ipFamilies = ['IPv4'];
  const [first] = spec.clusterIPs ?? [];
  if ((spec.clusterIP ?? '') !== '' && first === undefined) spec.clusterIPs = [spec.clusterIP ?? ''];
}

const sameList = (left: readonly string[] | undefined, right: readonly string[] | undefined): boolean =>
  JSON.stringify(left ?? []) === JSON.stringify(right ?? []);

/** What an update leaves out is kept, what the new type has no use for is dropped. Mutates `next`. */
export function carryAllocations(next: ServiceSpec, current: ServiceSpec): void {
  normalizeClusterIps(next, current);
  if (needsClusterIp(current) && needsClusterIp(next)) {
    if ((next.clusterIP ?? '') === '' && current.clusterIP !== undefined) next.clusterIP = current.clusterIP;
    if (
      (next.clusterIPs ?? []).length === 0 &&
      next.clusterIP === current.clusterIP &&
      current.clusterIPs !== undefined
    )
      next.clusterIPs = current.clusterIPs;
  }
  if (needsNodePort(current) && needsNodePort(next)) carryNodePorts(next, current);
  if (
    needsHealthCheckPort(current) &&
    needsHealthCheckPort(next) &&
    current.healthCheckNodePort !== undefined
  )
    next.healthCheckNodePort ??= current.healthCheckNodePort;
  dropForType(next, current);
}

/** `clusterIP` is the first of `clusterIPs`: who changes the one and leaves the other means both. */
function normalizeClusterIps(next: ServiceSpec, current: ServiceSpec): void {
  if ((next.clusterIP ?? '') === (current.clusterIP ?? '')) return;
  if (!sameList(next.clusterIPs, current.clusterIPs)) return;
  if ((next.clusterIP ?? '') === '') delete next.clusterIPs;
  else next.clusterIPs = [next.clusterIP ?? ''];
}

function carryNodePorts(next: ServiceSpec, current: ServiceSpec): void {
  const before = new Map((current.ports ?? []).map((port) => [port.name ?? '', port.nodePort ?? 0]));
  const used = new Set((next.ports ?? []).map((port) => port.nodePort ?? 0));
  for (const port of next.ports ?? []) {
    const old = before.get(port.name ?? '') ?? 0;
    if ((port.nodePort ?? 0) !== 0 || old === 0 || used.has(old)) continue;
    port.nodePort = old;
    used.add(old);
  }
}

function dropForType(next: ServiceSpec, current: ServiceSpec): void {
  if (needsClusterIp(current) && !needsClusterIp(next)) {
    if (sameList(next.clusterIPs, current.clusterIPs)) {
      delete next.clusterIP;
      delete next.clusterIPs;
    }
    if (sameList(next.ipFamilies, current.ipFamilies)) delete next.ipFamilies;
    if (next.ipFamilyPolicy === current.ipFamilyPolicy) delete next.ipFamilyPolicy;
    if (next.internalTrafficPolicy === current.internalTrafficPolicy) delete next.internalTrafficPolicy;
  }
  if (needsNodePort(current) && !needsNodePort(next)) {
    const ports = (spec: ServiceSpec): string[] =>
      (spec.ports ?? []).map((port) => String(port.nodePort ?? 0));
    if (sameList(ports(next), ports(current))) for (const port of next.ports ?? []) delete port.nodePort;
  }
  if (needsHealthCheckPort(current) && !needsHealthCheckPort(next)) delete next.healthCheckNodePort;
  if (current.type === 'LoadBalancer' && next.type !== 'LoadBalancer') {
    delete next.allocateLoadBalancerNodePorts;
    delete next.loadBalancerClass;
  }
  if (isExternallyAccessible(current) && !isExternallyAccessible(next)) delete next.externalTrafficPolicy;
}
