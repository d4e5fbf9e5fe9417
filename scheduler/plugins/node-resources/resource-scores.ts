import type { NodeInfo } from '../../framework/node-info.ts';
import { maxScore, type NodeScore } from '../../framework/plugin.ts';
import type { PodClass } from '../../framework/pod-class.ts';
import { columnOf, type Resources } from '../../framework/resources.ts';

export interface WeighedResource {
  readonly name: string;
  readonly weight: number;
}

/** A point of a RequestedToCapacityRatio shape: utilization 0 to 100, score 0 to 10. */
export interface ShapePoint {
  readonly utilization: number;
  readonly score: number;
}

export type ScoringStrategy =
  | { readonly type: 'LeastAllocated' | 'MostAllocated'; readonly resources: readonly WeighedResource[] }
  | {
      readonly type: 'RequestedToCapacityRatio';
      readonly resources: readonly WeighedResource[];
      readonly shape: readonly ShapePoint[];
    };

export const cpuAndMemory: readonly WeighedResource[] = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
];

/** How much what is really used counts against what is requested, when the report is fresh. */
const loadShare = 0.5;

/**
 * NodeResourcesFit's points. Least allocated means load: half of what counts is what the node's agent reports as
 * really used, with an estimate for the pods that came since; an old report counts less, and without one only
 * requests count. The packing strategies look at requests alone, as in Kubernetes.
 */
export function resourceFitScore(strategy: ScoringStrategy): NodeScore {
  const { type, resources } = strategy;
  const total = resources.reduce((sum, { weight }) => sum + weight, 0);
  const points = pointsOf(strategy);
  const takenOf = type === 'LeastAllocated' ? loadedShare : requestedShare;
  return {
    name: 'NodeResourcesFit',
    weight: 1,
    concerns: () => total > 0,
    score(pod, node) {
      let sum = 0;
      for (const { name, weight } of resources) sum += weight * points(takenOf(name, pod, node));
      return sum / total;
    },
  };
}

function pointsOf(strategy: ScoringStrategy): (taken: number) => number {
  switch (strategy.type) {
    case 'LeastAllocated':
      return (taken) => maxScore * (1 - taken);
    case 'MostAllocated':
      return (taken) => maxScore * taken;
    case 'RequestedToCapacityRatio':
      return (taken) => 10 * interpolate(strategy.shape, 100 * taken);
  }
}

function interpolate(shape: readonly ShapePoint[], at: number): number {
  let before = shape[0];
  for (const point of shape) {
    if (point.utilization >= at) {
      if (before === undefined || point.utilization === before.utilization) return point.score;
      const share = (at - before.utilization) / (point.utilization - before.utilization);
      return before.score + share * (point.score - before.score);
    }
    before = point;
  }
  return before?.score ?? 0;
}

function amountOf(resources: Resources, name: string): number {
  switch (columnOf(name)) {
    case 0:
      return resources.cpuMillis;
    case 1:
      return resources.memoryBytes;
    case 2:
      return resources.ephemeralStorageBytes;
    case undefined:
      return resources.scalars.get(name) ?? 0;
  }
}

const shareOf = (used: number, total: number): number =>
  total === 0 ? 1 : Math.min(1, Math.max(0, used / total));

/** Share of the node that would be taken with the pod on it, 0 to 1. */
const requestedShare = (name: string, pod: PodClass, node: NodeInfo): number =>
  shareOf(
    node.amountOf(name, 'estimated') + amountOf(pod.estimate, name),
    node.amountOf(name, 'allocatable'),
  );

function loadedShare(name: string, pod: PodClass, node: NodeInfo): number {
  const requested = requestedShare(name, pod, node);
  const { load } = node;
  if (load === undefined || (name !== 'cpu' && name !== 'memory')) return requested;
  const reported = name === 'cpu' ? load.cpuMillis : load.memoryBytes;
  const used = shareOf(
    reported + node.amountOf(name, 'sinceReport') + amountOf(pod.estimate, name),
    node.amountOf(name, 'allocatable'),
  );
  const share = loadShare * load.confidence;
  return (1 - share) * requested + share * used;
}

/** The more alike the resources would be used, the better: 100 less their standard deviation. */
export function balancedAllocation(resources: readonly WeighedResource[] = cpuAndMemory): NodeScore {
  return {
    name: 'NodeResourcesBalancedAllocation',
    weight: 1,
    concerns: () => true,
    score(pod, node) {
      let sum = 0;
      let squares = 0;
      for (const { name } of resources) {
        const share = requestedShare(name, pod, node);
        sum += share;
        squares += share * share;
      }
      const mean = sum / resources.length;
      return maxScore * (1 - Math.sqrt(Math.max(0, squares / resources.length - mean * mean)));
    },
  };
}
