/** The Node object of a hollow node. Pure. */
import type { Node, NodeCondition, NodeStatus } from '../../api/generated/core-v1.ts';
import type { NewObject } from '../../api/kind-info.ts';
import { toTime } from '../../base/clock.ts';
import { kubeletVersion } from '../status/node-status.ts';
import type { HollowNode } from './hollow-node.ts';

/** On every hollow Node, so that pods which need a real one can keep away. */
export const hollowLabel = 'coracle.dev/hollow';

export interface NodeCapacity {
  readonly cpu: string;
  readonly memory: string;
  readonly pods: string;
}

const healthy = [
  ['MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
  ['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'],
] as const;

export function nodeObjectOf(node: HollowNode, capacity: NodeCapacity, nowMs: number): NewObject<Node> {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: node.name,
      labels: {
        'kubernetes.io/hostname': node.name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'beta.kubernetes.io/os': 'linux',
        'beta.kubernetes.io/arch': 'amd64',
        [hollowLabel]: 'true',
      },
    },
    spec: {},
    status: nodeStatusOf(node, capacity, [], nowMs),
  };
}

export function nodeStatusOf(
  { name, address }: HollowNode,
  capacity: NodeCapacity,
  previous: readonly NodeCondition[],
  nowMs: number,
): NodeStatus {
  const resources = { ...capacity, 'ephemeral-storage': '100Gi' };
  const now = toTime(nowMs);
  return {
    addresses: [
      { type: 'InternalIP', address },
      { type: 'Hostname', address: name },
    ],
    capacity: resources,
    allocatable: resources,
    conditions: healthy.map(([type, status, reason, message]) => {
      const earlier = previous.find((condition) => condition.type === type);
      const since = earlier?.status === status ? earlier.lastTransitionTime : undefined;
      return { type, status, reason, message, lastHeartbeatTime: now, lastTransitionTime: since ?? now };
    }),
    nodeInfo: {
      architecture: 'amd64',
      bootID: name,
      containerRuntimeVersion: 'hollow://1',
      kernelVersion: 'hollow',
      kubeProxyVersion: '',
      kubeletVersion,
      machineID: name,
      operatingSystem: 'linux',
      osImage: 'hollow',
      systemUUID: name,
    },
  };
}

/** Whether the API shows the node as it is. */
export function isShownReady({ status }: Node): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
}
