/**
 * The best node for one class of pods when domains have a say, too. Nodes are grouped by the domains of the topology
 * keys that matter, coarse before fine; a group's value is what its domain adds plus the best inside it. A change of
 * one node or one domain is carried up to the root: the logarithm of the sizes on the way.
 *
 * INVARIANTS: every node is in exactly one group, the one of its domains; a group that its domain refuses is
 * infeasible in its parent.
 */
import { infeasible, ScoreTree } from './score-tree.ts';
import type { Topology } from './topology.ts';

interface Group {
  readonly parent: Group | undefined;
  readonly at: number;
  /** What the domain adds; infeasible where it refuses. */
  own: number;
  readonly values: ScoreTree;
  /** By place: a group, or a node's slot. */
  readonly members: (Group | number)[];
  readonly free: number[];
  readonly byDomain: Map<number, Group>;
}

interface Seat {
  readonly group: Group;
  readonly at: number;
}

interface Level {
  readonly topology: Topology;
  readonly groups: Map<number, Group[]>;
}

export class DomainTree {
  readonly #levels: readonly Level[];
  readonly #worthOf: (level: number, domain: number) => number;
  readonly #root: Group = groupIn(undefined, 0, 0);
  readonly #seats: (Seat | undefined)[] = [];

  /** @param worthOf what a domain adds, or `infeasible` */
  constructor(topologies: readonly Topology[], worthOf: (level: number, domain: number) => number) {
    this.#levels = topologies.map((topology) => ({ topology, groups: new Map() }));
    this.#worthOf = worthOf;
  }

  /** Puts a node, or a node whose value or domains changed. */
  setNode(slot: number, value: number): void {
    const group = this.#groupOf(slot);
    let seat = this.#seats[slot];
    if (seat?.group !== group) {
      this.removeNode(slot);
      seat = { group, at: group.free.pop() ?? group.members.length };
      group.members[seat.at] = slot;
      this.#seats[slot] = seat;
    }
    setValue(group, seat.at, value);
  }

  removeNode(slot: number): void {
    const seat = this.#seats[slot];
    if (seat === undefined) return;
    setValue(seat.group, seat.at, infeasible);
    seat.group.free.push(seat.at);
    this.#seats[slot] = undefined;
  }

  /** A domain's counts changed. */
  setDomain(level: number, domain: number): void {
    const groups = this.#levels[level]?.groups.get(domain);
    if (groups === undefined) return;
    const own = this.#worthOf(level, domain);
    for (const group of groups) setOwn(group, own);
  }

  setAllDomains(level: number): void {
    for (const domain of this.#levels[level]?.groups.keys() ?? []) this.setDomain(level, domain);
  }

  /** The best node's slot; undefined when none will do. */
  best(): number | undefined {
    let member: Group | number = this.#root;
    while (typeof member !== 'number') {
      const at: number | undefined = member.values.best();
      const next: Group | number | undefined = at === undefined ? undefined : member.members[at];
      if (next === undefined) return undefined;
      member = next;
    }
    return member;
  }

  /** The whole value of one node. */
  valueAt(slot: number): number {
    const seat = this.#seats[slot];
    if (seat === undefined) return infeasible;
    let value = seat.group.values.score(seat.at);
    for (let group: Group | undefined = seat.group; group !== undefined; group = group.parent)
      value += group.own;
    return value;
  }

  #groupOf(slot: number): Group {
    let group = this.#root;
    for (let level = 0; level < this.#levels.length; level += 1) {
      const domain = this.#levels[level]?.topology.domainOf(slot) ?? 0;
      group = group.byDomain.get(domain) ?? this.#addGroup(group, level, domain);
    }
    return group;
  }

  #addGroup(parent: Group, level: number, domain: number): Group {
    const group = groupIn(parent, parent.members.length, this.#worthOf(level, domain));
    parent.members.push(group);
    parent.byDomain.set(domain, group);
    const groups = this.#levels[level]?.groups;
    groups?.set(domain, [...(groups.get(domain) ?? []), group]);
    return group;
  }
}

const groupIn = (parent: Group | undefined, at: number, own: number): Group => ({
  parent,
  at,
  own,
  values: new ScoreTree(),
  members: [],
  free: [],
  byDomain: new Map(),
});

function setOwn(group: Group, own: number): void {
  if (group.own === own) return;
  group.own = own;
  if (group.parent !== undefined) setValue(group.parent, group.at, own + group.values.top);
}

function setValue(group: Group, at: number, value: number): void {
  let inside = group;
  let place = at;
  let next = value;
  for (;;) {
    const before = inside.values.top;
    inside.values.set(place, next);
    const { parent } = inside;
    if (parent === undefined || inside.values.top === before) return;
    next = inside.own + inside.values.top;
    place = inside.at;
    inside = parent;
  }
}
