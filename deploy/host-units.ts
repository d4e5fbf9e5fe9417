/** What runs on a host, simulated or real, as units: the guard and the agent. */
import { join } from 'node:path';
import { cgroupPath } from './cgroups.ts';
import { beatKeyFile, createNodeIdentity, kubeconfigFile } from './identities.ts';
import type { Layout } from './layout.ts';
import { type NodeConfig, nodeConfigOf } from './node-config.ts';
import { programCommand } from './server-units.ts';
import type { StoredCluster } from './settings.ts';
import { hostDirectory, type SimulatedHost } from './simulated-host.ts';
import { gatewayAddress } from './underlay.ts';
import type { Unit } from './units.ts';
import { UserError } from './user-error.ts';

export const agentUnit = ({ index }: { readonly index: number }): string => `node-agent-${index}`;
export const guardUnit = ({ index }: { readonly index: number }): string => `node-guard-${index}`;

export interface NodePlace {
  readonly name: string;
  readonly address: string;
  /** In the names of its units. */
  readonly index: number;
  /** The process in whose namespaces it runs; the machine's when left out. */
  readonly init?: { readonly pid: number } | undefined;
}

/** A host of this machine, with an identity that the machine makes for it. */
export async function hostUnits(
  layout: Layout,
  cluster: StoredCluster,
  host: SimulatedHost,
): Promise<Unit[]> {
  const { settings, choices } = cluster;
  if (choices.underlay === undefined || host.init === undefined)
    throw new UserError(`host ${host.name} has no wire or no init`);
  const server = `https://${gatewayAddress(choices.underlay)}:${settings.port}`;
  const directory = hostDirectory(layout, host.name);
  await createNodeIdentity(layout, { name: host.name, address: host.address, server, directory });
  return nodeUnits(layout, host, nodeConfigOf(settings, choices));
}

/** The identity lies in the host's directory. */
export function nodeUnits(layout: Layout, node: NodePlace, config: NodeConfig): Unit[] {
  const directory = hostDirectory(layout, node.name);
  const cgroup = cgroupPath(layout.name, node.name);
  const place = { cgroup, ...(node.init === undefined ? {} : { namespacesOf: node.init.pid }) };
  const shared = {
    'node-name': node.name,
    'node-ip': node.address,
    'run-dir': '/run/coracle',
    'cluster-dns': config.clusterDns,
    'cluster-domain': config.clusterDomain,
  };
  return [
    {
      name: guardUnit(node),
      ...place,
      command: programCommand(layout, 'node-guard', {
        ...shared,
        'state-dir': '/var/lib/coracle/guard',
        detector: config.detectors,
        'beat-key-file': beatKeyFile(directory),
        'resolv-conf': '/etc/resolv.conf',
      }),
    },
    {
      name: agentUnit(node),
      ...place,
      command: programCommand(layout, 'node-agent', {
        ...shared,
        kubeconfig: kubeconfigFile(directory),
        'cert-dir': directory,
        'root-dir': '/var/lib/coracle',
        'cluster-cidr': config.clusterCidr,
        'service-cidr': config.serviceCidr,
        'image-dir': join(layout.cache, 'images'),
        'layer-store': join(layout.cache, 'layers'),
        'cgroup-root': cgroup,
      }),
    },
  ];
}
