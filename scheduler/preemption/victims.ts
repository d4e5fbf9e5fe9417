/** Which pods of one node would have to go for a pod of higher priority, and how bad that is. Pure. */
import type { Cluster, PlacedPod } from '../cache/cluster.ts';
import type { LocalEvaluation } from '../framework/evaluate.ts';
import { type NodeInfo, NodeRecord, NodeUsage } from '../framework/node-info.ts';
import type { PodClass } from '../framework/pod-class.ts';
import { type DisruptionBudget, violatingPods } from './disruption-budget.ts';

export interface Candidate {
  readonly node: NodeInfo;
  /** Pods to evict, the most important first; pods that are ending already are not among them. */
  readonly victims: readonly PlacedPod[];
  readonly violations: number;
}

export interface NoCandidate {
  readonly reasons: readonly string[];
}

const noVictims: NoCandidate = { reasons: ['No preemption victims found for incoming pod'] };

/** Higher priority first, then those that started earlier. */
export const byImportance = (left: PlacedPod, right: PlacedPod): number =>
  right.podClass.priority - left.podClass.priority || startOf(left) - startOf(right);

const startOf = ({ startMs }: PlacedPod): number => startMs ?? Number.MAX_SAFE_INTEGER;

export interface VictimQuery {
  readonly cluster: Cluster;
  readonly pod: PodClass;
  readonly local: LocalEvaluation;
  readonly budgets: readonly DisruptionBudget[];
}

/**
 * As Kubernetes: without all pods of lower priority the pod must fit; then as many as possible are spared, those
 * first whose eviction breaks a budget, then the more important ones. What is ending already goes in any case.
 */
export function findVictims(query: VictimQuery, node: NodeInfo): Candidate | NoCandidate {
  const { cluster, pod, local, budgets } = query;
  const lower: PlacedPod[] = [];
  const usage = new NodeUsage();
  usage.nominations = node.nominations;
  for (const placed of cluster.podsOn(node.name)) {
    if (placed.podClass.priority < pod.priority) lower.push(placed);
    else usage.add(placed.podClass, placed.isLive);
  }
  if (lower.length === 0) return noVictims;
  const emptied = new NodeRecord(node.slot, node, usage);
  const rejection = local.reject(emptied);
  if (rejection !== undefined) return { reasons: rejection.reasons };
  const live = lower.filter(({ isLive }) => isLive).sort(byImportance);
  const violating = violatingPods(live, budgets);
  const isVictim = (placed: PlacedPod): boolean => {
    usage.add(placed.podClass, true);
    if (local.admits(emptied)) return false;
    usage.remove(placed.podClass, true);
    return true;
  };
  const victims = live.filter((placed) => violating.has(placed)).filter(isVictim);
  const violations = victims.length;
  victims.push(...live.filter((placed) => !violating.has(placed)).filter(isVictim));
  return { node, victims: victims.sort(byImportance), violations };
}

/** Negative when `left` does less harm. */
export function compareHarm(left: Candidate, right: Candidate): number {
  if (left.violations !== right.violations) return left.violations - right.violations;
  if (left.victims.length === 0 || right.victims.length === 0)
    return left.victims.length - right.victims.length;
  return (
    highest(left) - highest(right) ||
    prioritySum(left) - prioritySum(right) ||
    left.victims.length - right.victims.length ||
    earliestOfHighest(right) - earliestOfHighest(left)
  );
}

const highest = ({ victims }: Candidate): number => victims[0]?.podClass.priority ?? 0;

/** Above any priority's distance from zero, so that each victim adds to the sum. */
const offset = 2 ** 31;

function prioritySum({ victims }: Candidate): number {
  let sum = 0;
  for (const { podClass } of victims) sum += podClass.priority + offset;
  return sum;
}

/** Of the most important victims; the later they started, the less is lost. */
const earliestOfHighest = ({ victims }: Candidate): number => {
  const [first] = victims;
  return first === undefined ? 0 : startOf(first);
};
