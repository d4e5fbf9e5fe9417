/**
 * Which pod should move next, and where to. Pure, but for one pod that is taken off its node in thought and put back.
 *
 * The node is the one that the scheduler would choose for the pod's replacement while the pod is still there. The move
 * must be worth it three times over: the scorer must say so clearly, replicas of one owner must not come closer
 * together, and either two replicas come apart, or the node that is left is fuller than the other by a clear margin
 * and still not emptier afterwards.
 *
 * INVARIANTS: each move lessens the pair (sum of squares of replicas by owner and node; sum of squares of the nodes'
 * loads), the first part first. So as long as pods use what they are taken to use, moves come to an end and none is
 * undone; what cannot be foreseen is for `Arrivals` to slow down.
 */
import type { Cluster, PlacedPod } from '../cache/cluster.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { infeasible } from '../framework/plugin.ts';
import type { PodClass } from '../framework/pod-class.ts';
import { type SchedulingContext, schedule } from '../schedule.ts';
import { leastLoaded } from '../strategies/least-loaded.ts';
import { podLoad } from './node-load.ts';

/** A node must be fuller by this share of itself for its pods to leave for the sake of load. */
const loadMargin = 0.15;
/** Points by which the scorer must prefer the other node; some 1,000 can be had. */
const leastGain = 10;
/** Pods that are looked at closely in one search. */
const maxLookedAt = 16;

export interface Move {
  readonly pod: PlacedPod;
  readonly from: string;
  readonly to: string;
  readonly reason: 'spread' | 'load';
  /** Points that the scorer gives for it; at least `leastGain`. */
  readonly gain: number;
}

export interface MoveQuery {
  readonly cluster: Cluster;
  /** Nodes whose pods may leave. */
  readonly sources: Iterable<NodeInfo>;
  /** How the pod is scheduled; undefined for pods that are not moved. */
  contextOf(pod: PodClass): SchedulingContext | undefined;
  mayLeave(pod: PlacedPod): boolean;
  mayGo(pod: PlacedPod, to: NodeInfo): boolean;
  /** The least and the greatest load that a node has had lately: what flaps is between the two. */
  lowLoad(node: NodeInfo): number;
  highLoad(node: NodeInfo): number;
}

interface Candidate {
  readonly pod: PlacedPod;
  readonly node: NodeInfo;
  readonly replicas: number;
}

export function nextMove(query: MoveQuery): Move | undefined {
  const candidates = candidatesOf(query).sort(
    (left, right) => right.replicas - left.replicas || query.lowLoad(right.node) - query.lowLoad(left.node),
  );
  for (const candidate of candidates.slice(0, maxLookedAt)) {
    const move = judge(query, candidate);
    if (move !== undefined) return move;
  }
  return undefined;
}

/** One pod of each class and node that might gain. */
function candidatesOf(query: MoveQuery): Candidate[] {
  const { cluster, sources } = query;
  let emptiest = Number.POSITIVE_INFINITY;
  for (const node of cluster.nodes) emptiest = Math.min(emptiest, query.highLoad(node));
  const candidates: Candidate[] = [];
  for (const node of sources) {
    const isFull = query.lowLoad(node) - emptiest >= loadMargin;
    const looked = new Set<PodClass>();
    for (const pod of cluster.podsOn(node.name)) {
      const { podClass, isLive, isAssumed } = pod;
      const replicas = node.replicasOf(podClass.owner ?? '');
      if (!isLive || isAssumed || podClass.owner === undefined || looked.has(podClass)) continue;
      if ((replicas < 2 && !isFull) || !query.mayLeave(pod)) continue;
      looked.add(podClass);
      candidates.push({ pod, node, replicas });
    }
  }
  return candidates;
}

function judge(query: MoveQuery, { pod, node, replicas }: Candidate): Move | undefined {
  const context = query.contextOf(pod.podClass);
  if (context === undefined) return undefined;
  const to = schedule(context, pod.podClass, leastLoaded);
  if (to === undefined || to.slot === node.slot || !query.mayGo(pod, to)) return undefined;
  const further = replicas - to.replicasOf(pod.podClass.owner ?? '');
  if (further < 1) return undefined;
  const reason = further >= 2 ? 'spread' : 'load';
  if (reason === 'load' && !evensOut(query, pod, node, to)) return undefined;
  const gain = gainOf(context, pod, node, to);
  return gain < leastGain ? undefined : { pod, from: node.name, to: to.name, reason, gain };
}

function evensOut(query: MoveQuery, { podClass }: PlacedPod, from: NodeInfo, to: NodeInfo): boolean {
  const [fuller, emptier] = [query.lowLoad(from), query.highLoad(to)];
  return (
    fuller - emptier >= loadMargin && fuller - podLoad(podClass, from) >= emptier + podLoad(podClass, to)
  );
}

/** What the scorer gives for the other node, beyond what it gives for the pod's own: both without the pod. */
function gainOf({ cluster, index }: SchedulingContext, pod: PlacedPod, from: NodeInfo, to: NodeInfo): number {
  cluster.removePod(pod.uid);
  const placement = index.placementOf(pod.podClass);
  const [stays, goes] = [placement.valueAt(from.slot), placement.valueAt(to.slot)];
  cluster.putBack(pod);
  if (goes === infeasible) return 0;
  return stays === infeasible ? Number.MAX_SAFE_INTEGER : goes - stays;
}
