/**
 * All or nothing, in thought: members are placed one after the other on a cluster that already counts those before
 * them. Synchronous, so that nobody sees a group half placed; what did not come about is taken back before the turn
 * ends. Therefore no two groups can hold what the other one needs.
 */
import type { Cluster, PlacedPod } from '../cache/cluster.ts';
import type { PodClass } from '../framework/pod-class.ts';
import { fitsOn, type SchedulingContext, schedule } from '../schedule.ts';
import type { Strategy } from '../strategies/strategy.ts';
import { VolumesInThought } from './volumes-in-thought.ts';

export interface Candidate {
  readonly uid: string;
  readonly name: string;
  readonly podClass: PodClass;
  /** Where room was made for it. */
  readonly nominatedFor?: string | undefined;
}

/** How pods of one profile are placed. */
export interface GroupProfile {
  readonly context: SchedulingContext;
  readonly strategy: Strategy;
}

export interface GroupAttempt<C extends Candidate> {
  /** They count in the cluster until `takeBack`. */
  readonly placed: readonly { readonly candidate: C; readonly node: string }[];
  /** Each as it would have to be placed beside the others. */
  readonly left: readonly C[];
}

export interface GroupQuestion<C extends Candidate> {
  readonly cluster: Cluster;
  readonly candidates: readonly C[];
  /** How many must find a node. */
  readonly needed: number;
  readonly profileOf: (pod: PodClass) => GroupProfile | undefined;
  /** A node for a candidate that fits nowhere; what it takes is the asker's to take back. */
  readonly makeRoom?: (candidate: C) => string | undefined;
}

/**
 * Places as many as fit, in their order, and when that is too few, the ones with the largest requests first. The
 * better attempt counts in the cluster afterwards.
 */
export function placeGroup<C extends Candidate>(question: GroupQuestion<C>): GroupAttempt<C> {
  const first = attempt(question, question.candidates);
  if (first.placed.length >= question.needed || first.placed.length === 0) return first;
  const other = largestFirst(question.candidates);
  if (question.makeRoom !== undefined || other.every((each, i) => each === question.candidates[i]))
    return first;
  takeBack(question.cluster, first);
  const second = attempt(question, other);
  if (second.placed.length >= first.placed.length) return second;
  takeBack(question.cluster, second);
  return attempt(question, question.candidates);
}

export function takeBack<C extends Candidate>(cluster: Cluster, { placed }: GroupAttempt<C>): void {
  for (const { candidate } of placed) cluster.removePod(candidate.uid);
}

function attempt<C extends Candidate>(question: GroupQuestion<C>, candidates: readonly C[]): GroupAttempt<C> {
  const placed: { candidate: C; node: string }[] = [];
  const left: C[] = [];
  const volumes = new VolumesInThought();
  for (const candidate of candidates) {
    const mayMakeRoom = placed.length < question.needed;
    const beside = { ...candidate, podClass: volumes.narrow(candidate.podClass) };
    const node =
      nodeFor(question, candidate, beside.podClass) ??
      (mayMakeRoom ? question.makeRoom?.(beside) : undefined);
    if (node === undefined) {
      left.push(beside);
      // Room is made for enough of them or not at all.
      if (question.makeRoom !== undefined && candidates.length - left.length < question.needed) break;
      continue;
    }
    const info = question.cluster.node(node);
    if (info !== undefined) volumes.take(beside.podClass, info);
    question.cluster.setPod(toAssumed(candidate, node));
    placed.push({ candidate, node });
  }
  return { placed, left };
}

/** @param beside the class narrowed by what those before it take */
function nodeFor<C extends Candidate>(
  question: GroupQuestion<C>,
  { podClass, nominatedFor }: C,
  beside: PodClass,
): string | undefined {
  const profile = question.profileOf(podClass);
  if (profile === undefined) return undefined;
  const { context, strategy } = profile;
  const nominated = nominatedFor === undefined ? undefined : context.cluster.node(nominatedFor);
  if (nominated !== undefined && fitsOn(context, beside, nominated)) return nominated.name;
  // The class that others share knows its nodes already; mostly its choice will do.
  const node = schedule(context, podClass, strategy);
  if (node === undefined || beside === podClass || fitsOn(context, beside, node)) return node?.name;
  return schedule(context, beside, strategy)?.name;
}

export const toAssumed = ({ uid, name, podClass }: Candidate, nodeName: string): PlacedPod => ({
  ...{ uid, name, podClass, nodeName },
  ...{ isLive: true, isAssumed: true },
});

const largestFirst = <C extends Candidate>(candidates: readonly C[]): readonly C[] =>
  [...candidates].sort((left, right) => sizeOf(right.podClass) - sizeOf(left.podClass));

/** One CPU weighs as much as 4 GiB. */
const bytesPerMilli = (4 * 2 ** 30) / 1_000;
const sizeOf = ({ estimate }: PodClass): number => estimate.cpuMillis + estimate.memoryBytes / bytesPerMilli;
