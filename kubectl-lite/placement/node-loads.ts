/** How full each node is, by what its pods request. Pure. */
import type { Cluster } from '../../scheduler/cache/cluster.ts';

export interface NodeLoad {
  readonly cpuMillis: number;
  readonly cpuAllocatable: number;
  readonly memoryBytes: number;
  readonly memoryAllocatable: number;
  readonly pods: number;
}

export type NodeLoads = Readonly<Record<string, NodeLoad>>;

export function loadsOf({ nodes }: Cluster): NodeLoads {
  return Object.fromEntries(
    [...nodes].map(({ name, requested, allocatable, podCount }): [string, NodeLoad] => [
      name,
      {
        cpuMillis: requested.cpuMillis,
        cpuAllocatable: allocatable.cpuMillis,
        memoryBytes: requested.memoryBytes,
        memoryAllocatable: allocatable.memoryBytes,
        pods: podCount,
      },
    ]),
  );
}

/** `host-9` before `host-10`. */
export const compareNames = (left: string, right: string): number =>
  left.localeCompare(right, 'en', { numeric: true });
