import { join } from 'node:path';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { DnsConfig, PodSandboxConfig, PortMapping } from '../runtime/runtime.ts';
import { podResourcesOf } from './container-resources.ts';
import { containersOf } from './pod-spec.ts';
import { cgroupParentOf } from './qos.ts';

/** Names a node gives to its pods. */
export interface ClusterNames {
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  readonly nodeHostname: string;
  /** The node's own resolver, for pods that use it. */
  readonly nodeDns: DnsConfig;
}

const maxHostnameLength = 63;
const maxSearches = 32;

export function sandboxConfigOf(options: {
  readonly pod: Pod;
  readonly attempt: number;
  readonly names: ClusterNames;
  readonly logRoot: string;
}): PodSandboxConfig {
  const { pod, names } = options;
  const { spec, metadata } = pod;
  const hostNetwork = spec.hostNetwork === true;
  const fqdn = fullyQualifiedNameOf(pod, names);
  return {
    pod: { uid: metadata.uid, namespace: metadata.namespace ?? '', name: metadata.name },
    attempt: options.attempt,
    hostname: hostNetwork
      ? names.nodeHostname
      : spec.setHostnameAsFQDN === true
        ? (fqdn ?? hostnameOf(pod))
        : hostnameOf(pod),
    cgroupParent: cgroupParentOf(pod),
    resources: podResourcesOf(pod),
    hostNetwork,
    hostPid: spec.hostPID === true,
    hostIpc: spec.hostIPC === true,
    shareProcessNamespace: spec.shareProcessNamespace === true,
    sysctls: Object.fromEntries(
      (spec.securityContext?.sysctls ?? []).map(({ name, value }) => [name, value]),
    ),
    dns: dnsOf(pod, names),
    hostAliases: (spec.hostAliases ?? []).map(({ ip, hostnames }) => ({ ip, hostnames: hostnames ?? [] })),
    fullyQualifiedName: fqdn,
    portMappings: portMappingsOf(pod),
    logDirectory: podLogDirectory(options.logRoot, pod),
    labels: metadata.labels ?? {},
    annotations: {},
  };
}

export function podLogDirectory(logRoot: string, pod: Pod): string {
  return join(logRoot, `${pod.metadata.namespace}_${pod.metadata.name}_${pod.metadata.uid}`);
}

export function hostnameOf(pod: Pod): string {
  const { hostnameOverride, hostname } = pod.spec;
  if (hostnameOverride !== undefined && hostnameOverride !== '') return hostnameOverride;
  const name = hostname === undefined || hostname === '' ? pod.metadata.name : hostname;
  return name.slice(0, maxHostnameLength).replace(/[-.]+$/, '');
}

function fullyQualifiedNameOf(pod: Pod, { clusterDomain }: ClusterNames): string | undefined {
  const { subdomain } = pod.spec;
  if (subdomain === undefined || subdomain === '') return undefined;
  return `${hostnameOf(pod)}.${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}`;
}

export function portMappingsOf(pod: Pod): PortMapping[] {
  if (pod.spec.hostNetwork === true) return [];
  return containersOf(pod).flatMap(({ spec }) =>
    (spec.ports ?? []).flatMap(({ hostPort, hostIP, containerPort, protocol }) =>
      hostPort === undefined || hostPort === 0
        ? []
        : [{ hostPort, hostIp: hostIP ?? '', containerPort, protocol: protocolOf(protocol) }],
    ),
  );
}

function protocolOf(protocol: string | undefined): PortMapping['protocol'] {
  return protocol === 'UDP' || protocol === 'SCTP' ? protocol : 'TCP';
}

/** @see https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-policy */
export function dnsOf(pod: Pod, names: ClusterNames): DnsConfig {
  const { dnsPolicy = 'ClusterFirst', dnsConfig, hostNetwork } = pod.spec;
  const base = baseDns(dnsPolicy, hostNetwork === true, pod.metadata.namespace ?? '', names);
  const options = (dnsConfig?.options ?? []).map(({ name = '', value }) =>
    value === undefined ? name : `${name}:${value}`,
  );
  const optionName = (option: string): string => option.split(':')[0] ?? option;
  const replaced = new Set(options.map(optionName));
  return {
    servers: unique([...base.servers, ...(dnsConfig?.nameservers ?? [])]),
    searches: unique([...base.searches, ...(dnsConfig?.searches ?? [])]).slice(0, maxSearches),
    options: [...base.options.filter((option) => !replaced.has(optionName(option))), ...options],
  };
}

function baseDns(policy: string, hostNetwork: boolean, namespace: string, names: ClusterNames): DnsConfig {
  if (policy === 'None') return { servers: [], searches: [], options: [] };
  if (policy === 'Default' || (policy === 'ClusterFirst' && hostNetwork)) return names.nodeDns;
  const domain = names.clusterDomain;
  return {
    servers: names.clusterDns,
    searches: [`${namespace}.svc.${domain}`, `svc.${domain}`, domain, ...names.nodeDns.searches],
    options: ['ndots:5'],
  };
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
