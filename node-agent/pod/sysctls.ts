import type { Pod } from '../../api/generated/core-v1.ts';

/**
 * Settings that a namespace of the pod's own holds and that harm no other pod.
 * @see https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/#safe-and-unsafe-sysctls
 */
const safeSysctls: ReadonlySet<string> = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
]);

/** Why the node does not set what the pod asks for; undefined when it does. */
export function forbiddenSysctl({ spec }: Pod): string | undefined {
  for (const { name } of spec.securityContext?.sysctls ?? []) {
    const dotted = dottedName(name);
    const quoted = JSON.stringify(dotted);
    if (!safeSysctls.has(dotted)) return `${quoted} not allowlisted`;
    if (spec.hostNetwork === true && dotted.startsWith('net.'))
      return `${quoted} not allowed with host net enabled`;
    if (spec.hostIPC === true && dotted.startsWith('kernel.'))
      return `${quoted} not allowed with host ipc enabled`;
  }
  return undefined;
}

/** The first separator tells which of the two the name uses; the other one stands for itself in its parts. */
function dottedName(name: string): string {
  const first = /[./]/.exec(name)?.[0];
  if (first !== '/') return name;
  return name.replace(/[./]/g, (separator) => (separator === '/' ? '.' : '/'));
}
