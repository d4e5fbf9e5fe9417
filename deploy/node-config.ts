/** What every node of a cluster is started with: the ConfigMap `kube-system/coracle-node-config`, which nodes may read. */

import { detectorEndpoints } from './server-units.ts';
import type { ClusterChoices, ClusterSettings } from './settings.ts';
import { UserError } from './user-error.ts';

export interface NodeConfig {
  readonly clusterDns: string;
  readonly clusterDomain: string;
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  /** `address:port` of each, with commas. */
  readonly detectors: string;
}

export const nodeConfigRef = { namespace: 'kube-system', name: 'coracle-node-config' } as const;

export function nodeConfigOf(settings: ClusterSettings, choices: ClusterChoices): NodeConfig {
  return {
    clusterDns: clusterDnsAddress(settings.serviceCidr),
    clusterDomain: 'cluster.local',
    clusterCidr: settings.podCidr,
    serviceCidr: settings.serviceCidr,
    detectors: detectorEndpoints(settings, choices).join(','),
  };
}

/** Tenth address of the service range, as kubeadm chooses it. */
function clusterDnsAddress(serviceCidr: string): string {
  const octets = (serviceCidr.split('/')[0] ?? '').split('.').map(Number);
  octets[3] = (octets[3] ?? 0) + 10;
  return octets.join('.');
}

/** @throws UserError when the ConfigMap lacks something */
export function readNodeConfig(data: Readonly<Record<string, string>> = {}): NodeConfig {
  const read = (key: keyof NodeConfig): string => {
    const value = data[key] ?? '';
    if (value !== '') return value;
    throw new UserError(`ConfigMap ${nodeConfigRef.namespace}/${nodeConfigRef.name} lacks ${key}`);
  };
  return {
    clusterDns: read('clusterDns'),
    clusterDomain: read('clusterDomain'),
    clusterCidr: read('clusterCidr'),
    serviceCidr: read('serviceCidr'),
    detectors: read('detectors'),
  };
}
