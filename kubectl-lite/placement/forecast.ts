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
import { schedule } from '../../scheduler/schedule.ts';
import { type KnownPod, titleOf, toPlaced } from './known-pod.ts';
import { loadsOf, type NodeLoads } from './node-loads.ts';
import type { Snapshot } from './snapshot.ts';

/** A pod that needs a node; `from` is where the one was that it replaces. */
export interface Waiting {
  readonly pod: KnownPod;
  readonly from?: string | undefined;
  /** It waits today already. */
  readonly waits?: boolean;
}

export interface Move {
  readonly pod: string;
  readonly owner?: string | undefined;
  readonly from?: string | undefined;
  readonly to: string;
}

export interface Stuck {
  readonly pod: string;
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
  readonly loads: { readonly before: NodeLoads; readonly after: NodeLoads };
}

/** The change that a scenario makes: pods leave, others come. */
export interface Change {
  /** Made anew by their controllers. */
  readonly leaving: readonly KnownPod[];
  /** Not made anew: fewer are wanted. */
  readonly removed?: readonly KnownPod[];
  readonly coming: readonly Waiting[];
  readonly stay?: readonly KnownPod[];
  /** Applied between the two: the node goes, is cordoned, or comes. */
  readonly apply?: (snapshot: Snapshot) => void;
}

/** Owners whose controllers make a pod anew, wherever it fits. */
const replacing: ReadonlySet<string> = new Set(['ReplicaSet', 'ReplicationController', 'StatefulSet', 'Job']);

export const isReplaced = ({ owner }: KnownPod): boolean => owner !== undefined && replacing.has(owner.kind);

export function forecast(snapshot: Snapshot, change: Change): Forecast {
  const { cluster } = snapshot;
  const before = loadsOf(cluster);
  for (const { uid } of [...change.leaving, ...(change.removed ?? [])]) {
    cluster.removePod(uid);
    snapshot.groups.removePod(uid);
    snapshot.pods.delete(uid);
  }
  change.apply?.(snapshot);
  const leaving = change.leaving.filter((pod) => pod.nodeName !== undefined && pod.isLive);
  const replaced = leaving.filter(isReplaced).map((pod): Waiting => ({ pod, from: pod.nodeName }));
  const waiting = [...snapshot.pods.values()]
    .filter(({ nodeName, isLive, gates }) => nodeName === undefined && isLive && gates.length === 0)
    .map((pod): Waiting => ({ pod, waits: true }));
  const outcome = new Rounds(snapshot).place([...waiting, ...replaced, ...change.coming]);
  return {
    ...outcome,
    gone: [
      ...leaving.filter((pod) => !isReplaced(pod)).map(titleOf),
      ...(change.removed ?? []).map(titleOf),
      ...outcome.gone,
    ],
    stay: (change.stay ?? []).map(titleOf),
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
      this.#queue.sort(byTurn);
      const next = this.#queue.shift();
      if (next === undefined) break;
      this.#placeOne(next);
    }
    return { moves: this.#moves, pending: this.#pending, preempted: this.#preempted, gone: this.#gone };
  }

  #placeOne(next: Waiting): void {
    const { cluster } = this.#snapshot;
    const { pod, from, waits = false } = next;
    const { uid, podClass } = pod;
    const profile = this.#snapshot.profileOf(podClass);
    if (profile === undefined) {
      const message = `schedulerName "${podClass.schedulerName}" is not served here`;
      this.#pending.push({ pod: titleOf(pod), from, waits, message });
      return;
    }
    const group = this.#snapshot.groups.heldGroupOf(uid);
    if (group !== undefined) {
      this.#placeGroup(group, next);
      return;
    }
    cluster.withdrawNomination(uid);
    const to = schedule(profile.context, podClass, profile.strategy)?.name ?? this.#makeRoom(next);
    if (to === undefined) {
      const message = this.#snapshot.messageFor(profile, podClass);
      this.#pending.push({ pod: titleOf(pod), from, waits, message });
      return;
    }
    this.#move(next, to);
  }

  #move({ pod, from }: Waiting, to: string): void {
    const placed = { ...pod, nodeName: to, isLive: true };
    this.#known.set(pod.uid, placed);
    this.#snapshot.cluster.setPod(toPlaced(placed, to));
    const { owner } = pod;
    this.#moves.push({ pod: titleOf(pod), owner: owner && `${owner.kind}/${owner.name}`, from, to });
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
    if (message === undefined) this.#queue.push(...left);
    else
      for (const { pod, from, waits = false } of left)
        this.#pending.push({ pod: titleOf(pod), from, waits, message });
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

  #evict(victims: readonly PlacedPod[]): void {
    for (const { uid, name, nodeName } of victims) {
      this.#snapshot.cluster.removePod(uid);
      this.#preempted.push(name);
      const victim = this.#known.get(uid);
      if (victim !== undefined && isReplaced(victim)) this.#queue.push({ pod: victim, from: nodeName });
      else this.#gone.push(name);
    }
  }
}

const byTurn = (left: Waiting, right: Waiting): number =>
  right.pod.podClass.priority - left.pod.podClass.priority ||
  Number(right.waits ?? false) - Number(left.waits ?? false) ||
  (left.pod.createdAt < right.pod.createdAt ? -1 : left.pod.createdAt > right.pod.createdAt ? 1 : 0);
