/** What runs on a simulated host, as units: the guard and the agent. */
import { join } from 'node:path';
import { cgroupPath } from './cgroups.ts';
import { createNodeIdentity } from './identities.ts';
import type { Layout } from './layout.ts';
import { detectorPort, programCommand } from './server-units.ts';
import type { StoredCluster } from './settings.ts';
import { hostDirectory, type SimulatedHost } from './simulated-host.ts';
import { gatewayAddress } from './underlay.ts';
import type { Unit } from './units.ts';
import { UserError } from './user-error.ts';

export const agentUnit = (host: SimulatedHost): string => `node-agent-${host.index}`;
export const guardUnit = (host: SimulatedHost): string => `node-guard-${host.index}`;

/** Tenth address of the service range, as kubeadm chooses it. */
export function clusterDnsAddress(serviceCidr: string): string {
  const octets = (serviceCidr.split('/')[0] ?? '').split('.').map(Number);
  octets[3] = (octets[3] ?? 0) + 10;
  return octets.join('.');
}

export async function hostUnits(
  layout: Layout,
  cluster: StoredCluster,
  host: SimulatedHost,
): Promise<Unit[]> {
  const { settings, choices } = cluster;
  if (choices.underlay === undefined || host.init === undefined)
    throw new UserError(`host ${host.name} has no wire or no init`);
  const gateway = gatewayAddress(choices.underlay);
  const directory = hostDirectory(layout, host.name);
  await createNodeIdentity(layout, {
    name: host.name,
    address: host.address,
    server: `https://${gateway}:${settings.port}`,
    directory,
  });
  const file = (name: string): string => join(directory, name);
  const shared = {
    'node-name': host.name,
    'node-ip': host.address,
    'run-dir': '/run/coracle',
    'cluster-dns': clusterDnsAddress(settings.serviceCidr),
    'cluster-domain': 'cluster.local',
  };
  const detectors = Array.from(
    { length: settings.servers },
    (_, index) => `${gateway}:${detectorPort(index + 1)}`,
  );
  const place = { cgroup: cgroupPath(layout.name, host.name), namespacesOf: host.init.pid };
  return [
    {
      name: guardUnit(host),
      ...place,
      command: programCommand(layout, 'node-guard', {
        ...shared,
        'state-dir': '/var/lib/coracle/guard',
        detector: detectors.join(','),
        'beat-key-file': file('beat.key'),
        'resolv-conf': '/etc/resolv.conf',
      }),
    },
    {
      name: agentUnit(host),
      ...place,
      command: programCommand(layout, 'node-agent', {
        ...shared,
        kubeconfig: file('kubeconfig'),
        'root-dir': '/var/lib/coracle',
        'tls-cert-file': file('node.crt'),
        'tls-private-key-file': file('node.key'),
        'client-ca-file': file('ca.crt'),
        'cluster-cidr': settings.podCidr,
        'service-cidr': settings.serviceCidr,
        'image-dir': join(layout.cache, 'images'),
        'layer-store': join(layout.cache, 'layers'),
        'cgroup-root': cgroupPath(layout.name, host.name),
      }),
    },
  ];
}
