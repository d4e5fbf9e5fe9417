import type { NodeInfo } from '../../framework/node-info.ts';
import { maxScore, type NodeFilter, type NodeScore } from '../../framework/plugin.ts';
import type { PodClass } from '../../framework/pod-class.ts';

interface Need {
  readonly name: string;
  readonly needed: number;
  readonly free: number;
  readonly allocatable: number;
}

export const nodeResourcesFit: NodeFilter = {
  name: 'NodeResourcesFit',
  filter(pod, node) {
    const hasRoom = node.podCount < node.allowedPods;
    if (hasRoom && fitsBasic(pod, node) && pod.requests.scalars.size === 0) return undefined;
    const short = needsOf(pod, node).filter(({ needed, free }) => needed > 0 && needed > free);
    if (hasRoom && short.length === 0) return undefined;
    return {
      reasons: [...(hasRoom ? [] : ['Too many pods']), ...short.map(({ name }) => `Insufficient ${name}`)],
      isFinal: short.some(({ needed, allocatable }) => needed > allocatable),
      detail: short.map(({ name, needed, free }) => `${name}: ${needed} needed, ${free} free`).join('; '),
    };
  },
};

function fitsBasic({ requests }: PodClass, { allocatable, requested }: NodeInfo): boolean {
  const { cpuMillis, memoryBytes, ephemeralStorageBytes } = requests;
  return (
    (cpuMillis === 0 || cpuMillis <= allocatable.cpuMillis - requested.cpuMillis) &&
    (memoryBytes === 0 || memoryBytes <= allocatable.memoryBytes - requested.memoryBytes) &&
    (ephemeralStorageBytes === 0 ||
      ephemeralStorageBytes <= allocatable.ephemeralStorageBytes - requested.ephemeralStorageBytes)
  );
}

function needsOf({ requests }: PodClass, { allocatable, requested }: NodeInfo): readonly Need[] {
  const need = (name: string, needed: number, total: number, used: number): Need => ({
    name,
    needed,
    free: total - used,
    allocatable: total,
  });
  return [
    need('cpu', requests.cpuMillis, allocatable.cpuMillis, requested.cpuMillis),
    need('memory', requests.memoryBytes, allocatable.memoryBytes, requested.memoryBytes),
    need(
      'ephemeral-storage',
      requests.ephemeralStorageBytes,
      allocatable.ephemeralStorageBytes,
      requested.ephemeralStorageBytes,
    ),
    ...[...requests.scalars].map(([name, needed]) =>
      need(name, needed, allocatable.scalars.get(name) ?? 0, requested.scalars.get(name) ?? 0),
    ),
  ];
}

interface Fractions {
  readonly cpu: number;
  readonly memory: number;
}

/** Share of the node that would be taken with the pod on it, 0 to 1. */
function fractionsWith({ estimate }: PodClass, { allocatable, estimated }: NodeInfo): Fractions {
  const share = (used: number, total: number): number => (total === 0 ? 1 : Math.min(1, used / total));
  return {
    cpu: share(estimated.cpuMillis + estimate.cpuMillis, allocatable.cpuMillis),
    memory: share(estimated.memoryBytes + estimate.memoryBytes, allocatable.memoryBytes),
  };
}

/** Least allocated: the emptier the node would be left, the better. */
export const leastAllocated: NodeScore = {
  name: 'NodeResourcesFit',
  weight: 1,
  score(pod, node) {
    const { cpu, memory } = fractionsWith(pod, node);
    return maxScore * (1 - (cpu + memory) / 2);
  },
};

/** The more alike CPU and memory would be used, the better. */
export const balancedAllocation: NodeScore = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  score(pod, node) {
    const { cpu, memory } = fractionsWith(pod, node);
    // The standard deviation of two values is half their distance.
    return maxScore * (1 - Math.abs(cpu - memory) / 2);
  },
};
