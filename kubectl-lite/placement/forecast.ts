/**
 * What would become of the pods: the scheduler's own decisions, one after the other, on a snapshot that is changed as
 * they are made. Pure; the snapshot belongs to the forecast and is used up.
 */
import type { PlacedPod } from '../../scheduler/cache/cluster.ts';
import { unfitMessage } from '../../scheduler/explanation/explain-pod.ts';
import type { PodClass } from '../../scheduler/framework/pod-class.ts';
import { missingMembers } from '../../scheduler/groups/group-message.ts';
import { planGroupPreemption } from '../../scheduler/groups/group-preemption.ts';
import { placeGroup, takeBack } from '../../scheduler/groups/place-group.ts';
import type { GroupMember, GroupState } from '../../scheduler/groups/pod-groups.ts';
import type { Profile } from '../../scheduler/profile.ts';
import { rejectionOn, schedule } from '../../scheduler/schedule.ts';
import type { Change, Waiting } from './change.ts';
import { type KnownPod, titleOf, toPlaced } from './known-pod.ts';
import { loadsOf, type NodeLoads } from './node-loads.ts';
import type { Snapshot } from './snapshot.ts';

export interface Move {
  readonly pod: string;
  readonly owner?: string | undefined;
  readonly from?: string | undefined;
  readonly to: string;
}

export interface Stuck {
  readonly pod: string;
  readonly owner?: string | undefined;
  readonly from?: string | undefined;
  readonly waits: boolean;
  readonly message: string;
}

export interface Forecast {
  readonly moves: readonly Move[];
  readonly pending: readonly Stuck[];
  /** Nobody makes these anew, or fewer are wanted. */
  readonly gone: readonly string[];
  /** These stay where they are. */
  readonly stay: readonly string[];
  /** Evicted for others of higher priority. */
  readonly preempted: readonly string[];
  /** What whoever asks should know besides. */
  readonly notes: readonly string[];
  readonly loads: { readonly before: NodeLoads; readonly after: NodeLoads };
}

/** Owners whose controllers make a pod anew, wherever it fits. */
const replacing: ReadonlySet<string> = new Set(['ReplicaSet', 'ReplicationController', 'StatefulSet', 'Job']);

export const isReplaced = ({ owner }: KnownPod): boolean => owner !== undefined && replacing.has(owner.kind);

export function forecast(snapshot: Snapshot, change: Change): Forecast {
  const { cluster } = snapshot;
  const before = loadsOf(cluster);
  const { held = [], removed = [] } = change;
  for (const { uid } of [...change.leaving, ...removed, ...held.map(({ pod }) => pod)]) {
    cluster.removePod(uid);
    snapshot.groups.removePod(uid);
    snapshot.pods.delete(uid);
  }
  const later = change.apply?.(snapshot) ?? [];
  const leaving = change.leaving.filter((pod) => pod.nodeName !== undefined && pod.isLive);
  const replaced = leaving.filter(isReplaced).map((pod): Waiting => ({ pod, from: pod.nodeName }));
  const waiting = [...snapshot.pods.values()]
    .filter(({ nodeName, isLive, gates }) => nodeName === undefined && isLive && gates.length === 0)
    .map((pod): Waiting => ({ pod, waits: true }));
  const outcome = new Rounds(snapshot).place([...waiting, ...replaced, ...change.coming, ...later]);
  return {
    ...outcome,
    pending: [
      ...held.map(({ pod, message }) => stuckOf({ pod, from: pod.nodeName }, message)),
      ...outcome.pending,
    ],
    gone: [
      ...leaving.filter((pod) => !isReplaced(pod)).map(titleOf),
      ...removed.map(titleOf),
      ...outcome.gone,
    ],
    stay: (change.stay ?? []).map(titleOf),
    notes: change.notes ?? [],
    loads: { before, after: loadsOf(cluster) },
  };
}

/** `message`: why there are none, or too few. */
interface GroupPlaces {
  readonly places: readonly { readonly candidate: GroupMember; readonly node: string }[];
  readonly message: string | undefined;
}

type Outcome = Pick<Forecast, 'moves' | 'pending' | 'preempted' | 'gone'>;

class Rounds {
  readonly #snapshot: Snapshot;
  readonly #moves: Move[] = [];
  readonly #pending: Stuck[] = [];
  readonly #preempted: string[] = [];
  readonly #gone: string[] = [];
  /** Those that are placed here may be evicted here. */
  readonly #known: Map<string, KnownPod>;
  #queue: Waiting[] = [];
  /** Whether somebody joined the queue since it was sorted. */
  #isMixed = true;
  /** The last that no node takes: one alike needs no other look as long as nothing moves. */
  #stuck: { readonly podClass: PodClass; readonly message: string } | undefined;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
    this.#known = new Map(snapshot.pods);
  }

  /** Higher priority first, then those that wait longest, as in the scheduler's queue. */
  place(waiting: readonly Waiting[]): Outcome {
    this.#queue = [...waiting];
    const { groups } = this.#snapshot;
    for (const { pod } of waiting)
      if (pod.group !== undefined) groups.setWaiting({ ...pod, name: titleOf(pod) }, pod.group);
    for (;;) {
      if (this.#isMixed) this.#queue.sort(byTurn);
      this.#isMixed = false;
      const next = this.#queue.shift();
      if (next === undefined) break;
      this.#placeOne(next);
    }
    return { moves: this.#moves, pending: this.#pending, preempted: this.#preempted, gone: this.#gone };
  }

  #placeOne(next: Waiting): void {
    const { cluster } = this.#snapshot;
    const { uid, podClass } = next.pod;
    const profile = this.#snapshot.profileOf(podClass);
    if (profile === undefined) {
      const message = `schedulerName "${podClass.schedulerName}" is not served here`;
      this.#pending.push(stuckOf(next, message));
      return;
    }
    const group = this.#snapshot.groups.heldGroupOf(uid);
    if (group !== undefined) {
      this.#placeGroup(group, next);
      return;
    }
    if (cluster.withdrawNomination(uid) !== undefined) this.#stuck = undefined;
    if (next.only !== undefined) {
      this.#placeOn(next.only, next, profile);
      return;
    }
    const known = this.#stuck?.podClass === podClass ? this.#stuck.message : undefined;
    const to =
      known === undefined
        ? (schedule(profile.context, podClass, profile.strategy)?.name ?? this.#makeRoom(next))
        : undefined;
    if (to !== undefined) {
      this.#move(next, to);
      return;
    }
    const message = known ?? this.#snapshot.messageFor(profile, podClass);
    this.#stuck = { podClass, message };
    this.#pending.push(stuckOf(next, message));
  }

  /** A DaemonSet's pod: on that node or nowhere. */
  #placeOn(name: string, waiting: Waiting, { context }: Profile): void {
    const node = this.#snapshot.cluster.node(name);
    const rejection = node && rejectionOn(context, waiting.pod.podClass, node);
    if (rejection === undefined) this.#move(waiting, name);
    else {
      const message = `${name} does not take it: ${rejection.reasons.join(', ')}`;
      this.#pending.push(stuckOf(waiting, message));
    }
  }

  #move({ pod, from }: Waiting, to: string): void {
    const placed = { ...pod, nodeName: to, isLive: true };
    this.#known.set(pod.uid, placed);
    this.#snapshot.cluster.setPod(toPlaced(placed, to));
    this.#stuck = undefined;
    this.#moves.push({ pod: titleOf(pod), owner: ownerTitle(pod), from, to });
  }

  /** All of its members that wait, or none. */
  #placeGroup(group: GroupState, first: Waiting): void {
    const byUid = new Map([first, ...this.#queue].map((each) => [each.pod.uid, each]));
    const members = group.waiting.filter(({ uid }) => byUid.has(uid));
    const uids = new Set(members.map(({ uid }) => uid));
    this.#queue = this.#queue.filter(({ pod }) => !uids.has(pod.uid));
    const outcome = this.#placesFor(group, members);
    for (const { candidate, node } of outcome.places) {
      const member = byUid.get(candidate.uid);
      uids.delete(candidate.uid);
      if (member !== undefined) this.#move(member, node);
    }
    const left = [...uids].flatMap((uid) => byUid.get(uid) ?? []);
    const { message } = outcome;
    // When the group stands, those that are left go alone.
    if (message === undefined) this.#join(left);
    else for (const each of left) this.#pending.push(stuckOf(each, message));
  }

  #placesFor(group: GroupState, candidates: readonly GroupMember[]): GroupPlaces {
    const { cluster, judge } = this.#snapshot;
    const missing = missingMembers(group);
    if (missing !== undefined) return { places: [], message: missing };
    for (const { uid } of candidates) cluster.withdrawNomination(uid);
    const needed = (group.minCount ?? 0) - group.settled;
    const question = { cluster, needed, candidates, profileOf: (pod: PodClass) => judge.profileOf(pod) };
    const found = placeGroup(question);
    const fits = found.placed.length >= needed;
    const message = fits ? undefined : unfitMessage(judge, group, found);
    takeBack(cluster, found);
    if (fits) return { places: found.placed, message };
    const plan = planGroupPreemption(question, (pod) => {
      const profile = judge.profileOf(pod);
      return profile === undefined ? undefined : judge.preemptionFor(profile, pod);
    });
    if (plan === undefined) return { places: [], message };
    for (const { victims } of plan.evictions) this.#evict(victims);
    return { places: plan.nominations, message: undefined };
  }

  /** Evicts pods of lower priority where the scheduler would. Ends, since a victim's priority is lower. */
  #makeRoom({ pod }: Waiting): string | undefined {
    const profile = this.#snapshot.profileOf(pod.podClass);
    const plan = profile && this.#snapshot.preemptionFor(profile, pod.podClass);
    if (plan?.node === undefined) return undefined;
    this.#evict(plan.victims);
    return plan.node;
  }

  #join(waiting: readonly Waiting[]): void {
    this.#queue.push(...waiting);
    this.#isMixed = true;
  }

  #evict(victims: readonly PlacedPod[]): void {
    this.#stuck = undefined;
    for (const { uid, name, nodeName } of victims) {
      this.#snapshot.cluster.removePod(uid);
      this.#preempted.push(name);
      const victim = this.#known.get(uid);
      if (victim !== undefined && isReplaced(victim)) this.#join([{ pod: victim, from: nodeName }]);
      else this.#gone.push(name);
    }
  }
}

const ownerTitle = ({ owner }: KnownPod): string | undefined => owner && `${owner.kind}/${owner.name}`;

const stuckOf = ({ pod, from, waits = false }: Waiting, message: string): Stuck => ({
  ...{ pod: titleOf(pod), owner: ownerTitle(pod), from, waits, message },
});

const byTurn = (left: Waiting, right: Waiting): number =>
  right.pod.podClass.priority - left.pod.podClass.priority ||
  Number(right.waits ?? false) - Number(left.waits ?? false) ||
  (left.pod.createdAt < right.pod.createdAt ? -1 : left.pod.createdAt > right.pod.createdAt ? 1 : 0);
