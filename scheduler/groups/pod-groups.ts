/**
 * The groups that there are, and their members. A group is held until as many members as it needs have a node: until
 * then none of them is bound alone.
 *
 * INVARIANT: a member is in one group; a group without members and without a known count is not kept.
 */
import type { Pod } from '../../api/generated/core-v1.ts';
import type { Cluster } from '../cache/cluster.ts';
import type { PodClass } from '../framework/pod-class.ts';
import { type GroupReference, groupOf } from './pod-group.ts';

export interface GroupMember {
  readonly uid: string;
  /** `<namespace>/<name>` */
  readonly name: string;
  readonly podClass: PodClass;
  readonly createdAt: string;
}

export interface GroupState {
  readonly key: string;
  readonly name: string;
  /** Undefined: nobody has said it yet. */
  readonly minCount: number | undefined;
  /** Members that have a node, or are done. Those whose binding is under way do not count yet. */
  readonly settled: number;
  /** Members whose binding is under way: it stands or falls with that of others. */
  readonly underWay: number;
  /** Without a node, the highest priority first, then the oldest. */
  readonly waiting: readonly GroupMember[];
}

/** `done` ones have run to their end, and count; gated, ending and failed ones are `other`, and do not. */
interface Member extends Omit<GroupMember, 'podClass'> {
  readonly podClass: PodClass | undefined;
  readonly state: 'waiting' | 'placed' | 'done' | 'other';
}

interface Group {
  readonly name: string;
  readonly members: Map<string, Member>;
  readonly underWay: Set<string>;
  /** From the PodGroup, and else from a member. */
  minCount: number | undefined;
  minOfMembers: number | undefined;
}

export class PodGroups {
  readonly #cluster: Cluster;
  readonly #groups = new Map<string, Group>();
  readonly #keys = new Map<string, string>();
  /** Of pods whose binding is under way, which may be gone by now. */
  readonly #underWay = new Map<string, string>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Whether the pod is a member of some group. */
  has(uid: string): boolean {
    return this.#keys.has(uid);
  }

  /**
   * Called before the cluster learns of the pod.
   * @returns the group when one more of its members has found its place otherwise than by a decision of ours
   */
  setPod(pod: Pod, podClass: PodClass | undefined): string | undefined {
    const { uid, namespace, name, creationTimestamp } = pod.metadata;
    const reference = groupOf(pod);
    if (this.#keys.get(uid) !== reference?.key) this.removePod(uid);
    if (reference === undefined) return undefined;
    const { key } = reference;
    const group = this.#groupOf(key, reference.name);
    this.#keys.set(uid, key);
    group.minOfMembers = reference.minCount ?? group.minOfMembers;
    const state = stateOf(pod);
    const before = group.members.get(uid);
    group.members.set(uid, {
      ...{ uid, name: `${namespace}/${name}`, podClass, createdAt: creationTimestamp ?? '' },
      state,
    });
    const isSettled = state === 'placed' || state === 'done';
    return isSettled && before?.state === 'waiting' && this.#cluster.pod(uid) === undefined ? key : undefined;
  }

  /** A pod that would wait for a node. */
  setWaiting(member: GroupMember, { key, name, minCount }: GroupReference): void {
    this.removePod(member.uid);
    const group = this.#groupOf(key, name);
    this.#keys.set(member.uid, key);
    group.minOfMembers = minCount ?? group.minOfMembers;
    group.members.set(member.uid, { ...member, state: 'waiting' });
  }

  removePod(uid: string): void {
    const key = this.#keys.get(uid);
    if (key === undefined) return;
    this.#keys.delete(uid);
    this.#groups.get(key)?.members.delete(uid);
    this.#dropIfUnused(key);
  }

  /** The pods that there are: all others are gone. */
  retain(present: ReadonlySet<string>): void {
    for (const uid of [...this.#keys.keys()]) if (!present.has(uid)) this.removePod(uid);
  }

  /** What a PodGroup says; undefined: it is gone. */
  setMinCount(key: string, name: string, minCount: number | undefined): void {
    this.#groupOf(key, name).minCount = minCount;
    this.#dropIfUnused(key);
  }

  /** The group of a pod that must not be bound alone; undefined: it may. */
  heldGroupOf(uid: string): GroupState | undefined {
    const key = this.#keys.get(uid);
    const group = key === undefined ? undefined : this.#groups.get(key);
    if (key === undefined || group === undefined) return undefined;
    const minCount = group.minCount ?? group.minOfMembers;
    const settled = this.#settledOf(group);
    if (minCount !== undefined && settled >= minCount) return undefined;
    const waiting = [...group.members.values()].filter((member) => this.#waits(member)).sort(byTurn);
    return { key, name: group.name, minCount, settled, underWay: group.underWay.size, waiting };
  }

  /** They are about to be bound together: until that is done nobody may count on them. */
  beginBinding(uids: readonly string[]): void {
    for (const uid of uids) {
      const key = this.#keys.get(uid);
      if (key === undefined) continue;
      this.#underWay.set(uid, key);
      this.#groups.get(key)?.underWay.add(uid);
    }
  }

  /** @returns the group when this was the last one under way */
  endBinding(uid: string): string | undefined {
    const key = this.#underWay.get(uid);
    const group = key === undefined ? undefined : this.#groups.get(key);
    this.#underWay.delete(uid);
    if (key === undefined || group === undefined) return undefined;
    group.underWay.delete(uid);
    const isLast = group.underWay.size === 0;
    this.#dropIfUnused(key);
    return isLast ? key : undefined;
  }

  /** Members without a node. */
  waitingIn(key: string): readonly string[] {
    const members = this.#groups.get(key)?.members.values() ?? [];
    return [...members].filter((member) => this.#waits(member)).map(({ uid }) => uid);
  }

  #settledOf({ members, underWay }: Group): number {
    let count = 0;
    for (const { uid, state } of members.values()) {
      const isAssumed = state === 'waiting' && !underWay.has(uid) && this.#cluster.pod(uid) !== undefined;
      if (state === 'done' || state === 'placed' || isAssumed) count += 1;
    }
    return count;
  }

  #waits(member: Member): member is Member & GroupMember {
    const { uid, state, podClass } = member;
    return state === 'waiting' && podClass !== undefined && this.#cluster.pod(uid) === undefined;
  }

  #groupOf(key: string, name: string): Group {
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const group: Group = {
      ...{ name, members: new Map(), underWay: new Set() },
      ...{ minCount: undefined, minOfMembers: undefined },
    };
    this.#groups.set(key, group);
    return group;
  }

  #dropIfUnused(key: string): void {
    const group = this.#groups.get(key);
    if (group?.members.size === 0 && group.underWay.size === 0 && group.minCount === undefined)
      this.#groups.delete(key);
  }
}

function stateOf({ metadata, spec, status }: Pod): Member['state'] {
  if (status?.phase === 'Succeeded') return 'done';
  if (status?.phase === 'Failed' || metadata.deletionTimestamp !== undefined) return 'other';
  if ((spec.nodeName ?? '') !== '') return 'placed';
  return (spec.schedulingGates ?? []).length > 0 ? 'other' : 'waiting';
}

const byTurn = (left: GroupMember, right: GroupMember): number =>
  right.podClass.priority - left.podClass.priority ||
  (left.createdAt < right.createdAt ? -1 : left.createdAt > right.createdAt ? 1 : 0);
