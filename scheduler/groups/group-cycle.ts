/**
 * Decides for a held group as a whole: in one turn either as many members as it needs get a node, and go to the binder
 * together, or none does and nothing is held while the group waits. So it needs no time-out, and two groups cannot
 * hold what the other one lacks. Their bindings stand or fall together, too: when one is refused the group is decided
 * anew.
 *
 * A scheduler that takes over finds some members bound, perhaps: it needs nodes for the rest only.
 */
import type { Clock } from '../../base/clock.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import type { Cluster } from '../cache/cluster.ts';
import type { ConditionWriter } from '../condition-writer.ts';
import { unfitMessage } from '../explanation/explain-pod.ts';
import type { Judge } from '../explanation/judge.ts';
import type { SchedulerMetrics } from '../metrics.ts';
import { hasEndingVictims, type Preemptor } from '../preemption/preemptor.ts';
import type { QueuedPod, SchedulingQueue } from '../queue/scheduling-queue.ts';
import { rejectionOn } from '../schedule.ts';
import type { Waker } from '../waker.ts';
import { missingMembers } from './group-message.ts';
import { planGroupPreemption } from './group-preemption.ts';
import { type Candidate, type GroupQuestion, placeGroup, takeBack } from './place-group.ts';
import type { GroupState, PodGroups } from './pod-groups.ts';

/** A group that did not fit is tried again when changes call for it, but takes a tenth of the time at most. */
const restPerWork = 9;
/** What the API server binds in one transaction: beyond that only as many as the group needs stand or fall together. */
const maxTogether = 127;
/** Groups whose rest is remembered. */
const maxRemembered = 1_024;
/** Members of a larger group are told no more often than this how many of them fit. */
const alwaysTold = 32;
const tellEveryMs = 5_000;

export interface GroupCycleOptions {
  readonly cluster: Cluster;
  readonly queue: SchedulingQueue;
  readonly groups: PodGroups;
  readonly judge: Judge;
  readonly preemptor: Preemptor;
  /** Told of room that members no longer keep for themselves. */
  readonly waker: Pick<Waker, 'nodeChanged'>;
  readonly conditions: Pick<ConditionWriter, 'report'>;
  readonly events: EventSink;
  readonly metrics: Pick<SchedulerMetrics, 'attempted'>;
  readonly clock: Clock;
}

/** A decided pod; the cluster counts it already. */
export interface Decision {
  readonly queued: QueuedPod;
  readonly nodeName: string;
}

/** Sends what was decided to the binder: all of it or none. */
export type StartBinding = (decisions: readonly Decision[]) => void;

interface Member extends Candidate {
  readonly queued: QueuedPod;
}

export class GroupCycle {
  readonly #options: GroupCycleOptions;
  readonly #restUntilMs = new Map<string, number>();
  readonly #tellAgainMs = new Map<string, number>();

  constructor(options: GroupCycleOptions) {
    this.#options = options;
  }

  /** @returns false for a pod that may go alone */
  decide(queued: QueuedPod, bind: StartBinding): boolean {
    const { groups, clock, queue } = this.#options;
    const group = groups.heldGroupOf(queued.uid);
    if (group === undefined) return false;
    if (group.underWay > 0) {
      // Whether it may go alone or they are decided anew is known when they are settled, which wakes it.
      queue.parkUnschedulable(queued.uid);
      return true;
    }
    const startMs = clock.monotonicMs();
    const restMs = (this.#restUntilMs.get(group.key) ?? 0) - startMs;
    if (restMs > 0) {
      queue.parkUnschedulable(queued.uid);
      clock.setTimer(restMs, () => queue.wakeOne(queued.uid), { unref: true });
      return true;
    }
    const isPlaced = this.#decideGroup(group, queued, bind);
    this.#rest(group.key, isPlaced ? 0 : restPerWork * (clock.monotonicMs() - startMs));
    return true;
  }

  /** What was sent to be bound together has its outcome, and the pod its place in the queue. */
  settled(uid: string): void {
    const { groups, queue } = this.#options;
    const key = groups.endBinding(uid);
    if (key !== undefined) for (const member of groups.waitingIn(key)) queue.wakeOne(member);
  }

  #decideGroup(group: GroupState, first: QueuedPod, bind: StartBinding): boolean {
    const { cluster, queue, judge } = this.#options;
    const missing = missingMembers(group);
    if (missing !== undefined) {
      this.#wait(first, missing);
      return false;
    }
    const members = this.#take(group, first);
    const needed = (group.minCount ?? 0) - group.settled;
    if (members.length < needed) {
      // Some are in their back-off, since their binding was refused; they wake the group when it ends.
      this.#park(group, members, retrying(group), new Map());
      return false;
    }
    const question = {
      ...{ cluster, needed, candidates: members },
      profileOf: (pod: Member['podClass']) => judge.profileOf(pod),
    };
    const found = placeGroup(question);
    if (found.placed.length < needed) {
      const message = unfitMessage(judge, group, found);
      takeBack(cluster, found);
      this.#park(group, members, message, this.#makeRoom(question));
      return false;
    }
    const decisions = found.placed.map(({ candidate, node }): Decision => {
      this.#count(candidate, 'scheduled');
      if (candidate.nominatedFor !== node) this.#giveUp(candidate);
      return { queued: candidate.queued, nodeName: node };
    });
    // One more than a transaction holds need not go with those that the group cannot do without.
    const together = Math.max(needed, Math.min(decisions.length, maxTogether));
    this.#options.groups.beginBinding(decisions.slice(0, together).map(({ queued: { uid } }) => uid));
    bind(decisions.slice(0, together));
    for (const decision of decisions.slice(together)) bind([decision]);
    // The group stands without them: they go alone from now on.
    for (const candidate of found.left) {
      this.#giveUp(candidate);
      queue.putBack(candidate.uid);
    }
    return true;
  }

  /** All members that are ready, into work. */
  #take({ waiting }: GroupState, first: QueuedPod): readonly Member[] {
    const { cluster, queue } = this.#options;
    const members = waiting.flatMap((member): Member[] => {
      const queued = member.uid === first.uid ? first : queue.take(member.uid);
      if (queued === undefined) return [];
      return [{ ...member, queued, nominatedFor: cluster.withdrawNomination(member.uid) }];
    });
    // It is in nobody's list when it has just stopped waiting.
    if (!members.some(({ uid }) => uid === first.uid)) queue.parkUnschedulable(first.uid);
    return members;
  }

  /** Nothing to look at yet: each member says so for itself, once. */
  #wait({ uid, pod, podClass }: QueuedPod, message: string): void {
    const { queue, conditions, metrics } = this.#options;
    metrics.attempted('unschedulable', podClass.schedulerName, 0);
    queue.parkUnschedulable(uid);
    conditions.report({ pod, reason: 'Unschedulable', message });
  }

  /** @returns where each member is nominated for */
  #makeRoom(question: GroupQuestion<Member>): ReadonlyMap<string, string> {
    const { cluster, preemptor, judge } = this.#options;
    const nominate = ({ uid, podClass }: Member, node: string): void =>
      cluster.nominate({ uid, podClass }, node);
    const waits = question.candidates.some(
      ({ nominatedFor, podClass }) =>
        nominatedFor !== undefined &&
        hasEndingVictims(cluster, nominatedFor, podClass) &&
        !this.#isRuledOut(nominatedFor, podClass),
    );
    if (waits) {
      const nominated = question.candidates.flatMap((member) =>
        member.nominatedFor === undefined ? [] : [{ candidate: member, node: member.nominatedFor }],
      );
      for (const { candidate, node } of nominated) nominate(candidate, node);
      return toNodes(nominated);
    }
    const plan = planGroupPreemption(question, (pod) => {
      const profile = judge.profileOf(pod);
      return profile === undefined ? undefined : judge.preemptionFor(profile, pod);
    });
    if (plan === undefined) return new Map();
    for (const { candidate, node } of plan.nominations) nominate(candidate, node);
    for (const { candidate, node, victims } of plan.evictions)
      preemptor.evict(cluster, candidate.queued.pod, { node, victims });
    return toNodes(plan.nominations);
  }

  /** Something that no eviction changes, as when the node has fallen ill: its victims may never end. */
  #isRuledOut(nodeName: string, podClass: Member['podClass']): boolean {
    const { cluster, judge } = this.#options;
    const [node, profile] = [cluster.node(nodeName), judge.profileOf(podClass)];
    if (node === undefined || profile === undefined) return true;
    return rejectionOn(profile.context, podClass, node)?.isFinal === true;
  }

  #park(
    { key }: GroupState,
    members: readonly Member[],
    message: string,
    nodes: ReadonlyMap<string, string>,
  ): void {
    const { queue, clock } = this.#options;
    const isDue = members.length <= alwaysTold || clock.monotonicMs() >= (this.#tellAgainMs.get(key) ?? 0);
    if (isDue) remember(this.#tellAgainMs, key, clock.monotonicMs() + tellEveryMs);
    for (const member of members) {
      this.#count(member, 'unschedulable');
      queue.parkUnschedulable(member.uid);
      const node = nodes.get(member.uid);
      if (node !== member.nominatedFor) this.#giveUp(member);
      if (isDue || node !== undefined) this.#tell(member, message, node ?? '');
    }
  }

  /** Others may go where it was nominated for. */
  #giveUp({ nominatedFor }: Member): void {
    if (nominatedFor !== undefined) this.#options.waker.nodeChanged(nominatedFor);
  }

  #tell({ queued: { pod } }: Member, message: string, nominatedNodeName: string): void {
    const { conditions, events } = this.#options;
    conditions.report({ pod, reason: 'Unschedulable', message, nominatedNodeName });
    const said = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message;
    // Members are tried again whenever one of them may fit: what was said is not said anew.
    if (said === message) return;
    const event = { type: 'Warning', reason: 'FailedScheduling', message, action: 'Scheduling' } as const;
    events.event({ object: pod, ...event });
  }

  #count({ podClass }: Member, result: 'scheduled' | 'unschedulable'): void {
    this.#options.metrics.attempted(result, podClass.schedulerName, 0);
  }

  #rest(key: string, restMs: number): void {
    if (restMs === 0) this.#restUntilMs.delete(key);
    else remember(this.#restUntilMs, key, this.#options.clock.monotonicMs() + restMs);
  }
}

function remember(times: Map<string, number>, key: string, atMs: number): void {
  times.delete(key);
  if (times.size >= maxRemembered) times.clear();
  times.set(key, atMs);
}

const toNodes = (
  placed: readonly { readonly candidate: Member; readonly node: string }[],
): ReadonlyMap<string, string> => new Map(placed.map(({ candidate, node }) => [candidate.uid, node]));

const retrying = ({ name }: GroupState): string =>
  `waiting for members of pod group "${name}" whose binding was refused`;
