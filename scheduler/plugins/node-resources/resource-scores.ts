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
  const { type } = strategy;
  const resources = strategy.resources.map(toWeighed);
  const points = pointsOf(strategy);
  const takenOf = type === 'LeastAllocated' ? loadedShare : requestedShare;
  // As in Kubernetes: what a shape gives nothing for has no weight, either.
  const leavesOutZeros = type === 'RequestedToCapacityRatio';
  return {
    name: 'NodeResourcesFit',
    weight: 1,
    concerns: () => resources.length > 0,
    score(pod, node) {
      let sum = 0;
      let total = 0;
      for (const resource of resources) {
        const { name, weight } = resource;
        const allocatable = node.amountOf(name, 'allocatable');
        if (allocatable === 0 || isUnasked(resource, pod)) continue;
        const worth = points(takenOf(name, pod, node, allocatable));
        if (leavesOutZeros && worth === 0) continue;
        sum += weight * worth;
        total += weight;
      }
      return total === 0 ? 0 : sum / total;
    },
  };
}

interface Weighed extends WeighedResource {
  readonly isScalar: boolean;
}

const toWeighed = (resource: WeighedResource): Weighed => ({
  ...resource,
  isScalar: columnOf(resource.name) === undefined,
});

/** An extended resource that the pod does not ask for says nothing: else pods without would fill the nodes that have it. */
const isUnasked = ({ name, isScalar }: Weighed, { estimate }: PodClass): boolean =>
  isScalar && (estimate.scalars.get(name) ?? 0) === 0;

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

const shareOf = (used: number, total: number): number => Math.min(1, Math.max(0, used / total));

/** Share of the node that would be taken with the pod on it, 0 to 1. */
const requestedShare = (name: string, pod: PodClass, node: NodeInfo, allocatable: number): number =>
  shareOf(node.amountOf(name, 'estimated') + amountOf(pod.estimate, name), allocatable);

function loadedShare(name: string, pod: PodClass, node: NodeInfo, allocatable: number): number {
  const requested = requestedShare(name, pod, node, allocatable);
  const { load } = node;
  if (load === undefined || (name !== 'cpu' && name !== 'memory')) return requested;
  const reported = name === 'cpu' ? load.cpuMillis : load.memoryBytes;
  const used = shareOf(
    reported + node.amountOf(name, 'sinceReport') + amountOf(pod.estimate, name),
    allocatable,
  );
  const share = loadShare * load.confidence;
  return (1 - share) * requested + share * used;
}

/**
 * The more alike the resources would be requested, the better: 100 less their standard deviation. As in Kubernetes
 * only what is requested counts, without the assumptions for pods that say nothing, and a pod that requests none of
 * them goes where the others say.
 */
export function balancedAllocation(from: readonly WeighedResource[] = cpuAndMemory): NodeScore {
  const resources = from.map(toWeighed);
  return {
    name: 'NodeResourcesBalancedAllocation',
    weight: 1,
    concerns: ({ requests }) => resources.some(({ name }) => amountOf(requests, name) > 0),
    score(pod, node) {
      let sum = 0;
      let squares = 0;
      let count = 0;
      for (const resource of resources) {
        const allocatable = node.amountOf(resource.name, 'allocatable');
        if (allocatable === 0 || isUnasked(resource, pod)) continue;
        const requested = node.amountOf(resource.name, 'requested') + amountOf(pod.requests, resource.name);
        const share = shareOf(requested, allocatable);
        sum += share;
        squares += share * share;
        count += 1;
      }
      if (count < 2) return maxScore;
      const mean = sum / count;
      return maxScore * (1 - Math.sqrt(Math.max(0, squares / count - mean * mean)));
    },
  };
}
