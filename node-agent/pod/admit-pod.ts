import type { Node, Pod } from '../../api/generated/core-v1.ts';
import { toMillis, toUnits } from '../../api/quantity.ts';
import { matchesNode } from './node-match.ts';
import type { Verdict } from './pod-facts.ts';
import { containersOf } from './pod-spec.ts';
import { podRequestsOf } from './qos.ts';
import { forbiddenSysctl } from './sysctls.ts';

export interface AdmissionInput {
  readonly pod: Pod;
  /** Pods that the node has admitted and that have not ended. */
  readonly admitted: readonly Pod[];
  readonly node: Pick<Node, 'metadata' | 'status'>;
}

/** The node's own last word on a pod that was bound to it, in the kubelet's order. @returns undefined when it may run. */
export function refusalOf(input: AdmissionInput): Verdict | undefined {
  return (
    lackOf(input) ??
    selectorMismatch(input) ??
    portConflict(input) ??
    foreignSystem(input) ??
    unsafeSysctl(input)
  );
}

/** Kubernetes prefixes every refusal in the pod's status so. */
export function refused(reason: string, why: string): Verdict {
  return { reason, message: `Pod was rejected: ${why}` };
}

function selectorMismatch({ pod, node }: AdmissionInput): Verdict | undefined {
  return matchesNode(pod, node)
    ? undefined
    : refused(
        'NodeAffinity',
        "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
      );
}

function portConflict({ pod, admitted }: AdmissionInput): Verdict | undefined {
  const taken = admitted.flatMap(hostPortsOf);
  return hostPortsOf(pod).some((port) => taken.some((other) => clash(port, other)))
    ? refused(
        'NodePorts',
        "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
      )
    : undefined;
}

interface HostPort {
  readonly protocol: string;
  readonly address: string;
  readonly port: number;
}

const everyAddress = '0.0.0.0';

const clash = (one: HostPort, other: HostPort): boolean =>
  one.port === other.port &&
  one.protocol === other.protocol &&
  (one.address === other.address || one.address === everyAddress || other.address === everyAddress);

function hostPortsOf(pod: Pod): HostPort[] {
  const isHostNetwork = pod.spec.hostNetwork === true;
  return containersOf(pod).flatMap(({ spec }) =>
    (spec.ports ?? []).flatMap(({ hostPort, containerPort, protocol = 'TCP', hostIP = '' }) => {
      const port = isHostNetwork ? (hostPort ?? containerPort) : hostPort;
      const address = hostIP === '' ? everyAddress : hostIP;
      return port === undefined || port === 0 ? [] : [{ protocol, address, port }];
    }),
  );
}

export interface Demand {
  readonly name: string;
  readonly wants: number;
  readonly used: number;
  readonly has: number;
}

/** What a pod asks for, beside what the others have and what the node gives to pods. */
export function demandsOf({ pod, admitted, node }: AdmissionInput): Demand[] {
  const allocatable = node.status?.allocatable ?? {};
  const requested = podRequestsOf(pod);
  const used = admitted.map(podRequestsOf);
  const sum = (read: (requests: ReturnType<typeof podRequestsOf>) => number): number =>
    used.reduce((total, requests) => total + read(requests), 0);
  return [
    { name: 'pods', wants: 1, used: admitted.length, has: toUnits(allocatable['pods'] ?? '0') },
    {
      name: 'cpu',
      wants: requested.cpuMillis,
      used: sum(({ cpuMillis }) => cpuMillis),
      has: toMillis(allocatable['cpu'] ?? '0'),
    },
    {
      name: 'memory',
      wants: requested.memoryBytes,
      used: sum(({ memoryBytes }) => memoryBytes),
      has: toUnits(allocatable['memory'] ?? '0'),
    },
    {
      name: 'ephemeral-storage',
      wants: requested.ephemeralStorageBytes,
      used: sum(({ ephemeralStorageBytes }) => ephemeralStorageBytes),
      has: toUnits(allocatable['ephemeral-storage'] ?? '0'),
    },
  ];
}

function lackOf(input: AdmissionInput): Verdict | undefined {
  const lacking = demandsOf(input).find(({ wants, used: taken, has }) => wants > 0 && wants + taken > has);
  if (lacking === undefined) return undefined;
  return refused(
    `OutOf${lacking.name}`,
    `Node didn't have enough resource: ${lacking.name}, requested: ${lacking.wants}, used: ${lacking.used}, capacity: ${lacking.has}`,
  );
}

function foreignSystem({ pod }: AdmissionInput): Verdict | undefined {
  const system = pod.spec.os?.name ?? pod.spec.nodeSelector?.['kubernetes.io/os'];
  return system === undefined || system === 'linux'
    ? undefined
    : refused('PodOSNotSupported', "Failed to admit pod as the OS field doesn't match node OS");
}

function unsafeSysctl({ pod }: AdmissionInput): Verdict | undefined {
  const why = forbiddenSysctl(pod);
  return why === undefined ? undefined : refused('SysctlForbidden', `forbidden sysctl: ${why}`);
}
