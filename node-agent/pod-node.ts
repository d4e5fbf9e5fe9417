import { readFile } from 'node:fs/promises';
import type { Node } from '../api/generated/core-v1.ts';
import { codeOf } from '../base/invariant.ts';
import type { AgentFlags } from './agent-flags.ts';
import type { PodNode } from './pod/pod-run.ts';
import type { DnsConfig } from './runtime/runtime.ts';
import type { HostCapacity } from './volume/host-capacity.ts';

const resolvConf = '/etc/resolv.conf';

export interface PodNodeOptions {
  readonly flags: AgentFlags;
  readonly logRoot: string;
  readonly capacity: HostCapacity;
  readonly node: () => Node | undefined;
}

/** The node as its pods see it. */
export async function readPodNode({ flags, logRoot, capacity, node }: PodNodeOptions): Promise<PodNode> {
  const names = {
    clusterDns: flags.clusterDns,
    clusterDomain: flags.clusterDomain,
    nodeHostname: flags.nodeName,
    nodeDns: parseResolvConf(await readIfThere(resolvConf)),
  };
  const hostIps = flags.nodeIp.split(',');
  return {
    names,
    memoryBytes: capacity.memoryBytes,
    podPidsLimit: undefined,
    logRoot,
    facts: () => ({ nodeName: flags.nodeName, hostIps, allocatable: node()?.status?.allocatable ?? {} }),
  };
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    // A host without a resolver: its pods have the cluster's only.
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  }
}

/** @see resolv.conf(5): the last `search` line counts. */
export function parseResolvConf(text: string): DnsConfig {
  const servers: string[] = [];
  let searches: string[] = [];
  let options: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/\s+/);
    if (keyword === 'nameserver' && values[0] !== undefined) servers.push(values[0]);
    if (keyword === 'search') searches = values.filter((domain) => domain !== '.');
    if (keyword === 'options') options = values;
  }
  return { servers, searches, options };
}
