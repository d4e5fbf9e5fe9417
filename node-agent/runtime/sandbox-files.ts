import type { DnsConfig, PodSandboxConfig } from './runtime.ts';

/** `resolv.conf` of a pod. */
export function resolvConfOf(dns: DnsConfig): string {
  const lines = dns.servers.map((server) => `nameserver ${server}`);
  if (dns.searches.length > 0) lines.push(`search ${dns.searches.join(' ')}`);
  if (dns.options.length > 0) lines.push(`options ${dns.options.join(' ')}`);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

const localEntries = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
`;

/** `/etc/hosts` of a pod, as the kubelet writes it. `nodeHosts` is the node's own file, for a pod on its network. */
export function hostsFileOf(
  config: Pick<PodSandboxConfig, 'hostNetwork' | 'hostname' | 'fullyQualifiedName' | 'hostAliases'>,
  ips: readonly string[],
  nodeHosts: string,
): string {
  const own = config.hostNetwork
    ? `# Kubernetes-managed hosts file (host network).\n${nodeHosts}`
    : `# Kubernetes-managed hosts file.\n${localEntries}${ips.map((ip) => ownEntry(ip, config)).join('')}`;
  if (config.hostAliases.length === 0) return own;
  const aliases = config.hostAliases.map((alias) => `${alias.ip}\t${alias.hostnames.join('\t')}\n`).join('');
  return `${own}\n# Entries added by HostAliases.\n${aliases}`;
}

function ownEntry(ip: string, config: Pick<PodSandboxConfig, 'hostname' | 'fullyQualifiedName'>): string {
  const names =
    config.fullyQualifiedName === undefined
      ? config.hostname
      : `${config.fullyQualifiedName}\t${config.hostname}`;
  return `${ip}\t${names}\n`;
}
