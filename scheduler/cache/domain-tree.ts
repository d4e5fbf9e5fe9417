/**
 * The best node for one class of pods when domains have a say, too. Nodes are grouped by the domains of the topology
 * keys that matter, coarse before fine; a group's value is what its domain adds plus the best inside it. A change of
 * one node or one domain is carried up to the root: the logarithm of the sizes on the way.
 *
 * INVARIANTS: every node is in exactly one group, the one of its domains; a group that its domain refuses is
 * infeasible in its parent.
 */
import { infeasible } from '../framework/plugin.ts';
import { type Extra, ScoreTree } from './score-tree.ts';
import type { Topology } from './topology.ts';

interface Group {
  readonly number: number;
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

interface Level {
  readonly topology: Topology;
  readonly groups: Map<number, Group[]>;
}

export class DomainTree {
  readonly #levels: readonly Level[];
  readonly #worthOf: (level: number, domain: number) => number;
  readonly #groups: Group[] = [];
  readonly #root: Group = this.#newGroup(undefined, 0, 0);
  /** Two numbers a slot, side by side: that of the node's group, and the place in it. */
  #seats: Int32Array = new Int32Array(0);

  /** @param worthOf what a domain adds, or `infeasible` */
  constructor(topologies: readonly Topology[], worthOf: (level: number, domain: number) => number) {
    this.#levels = topologies.map((topology) => ({ topology, groups: new Map() }));
    this.#worthOf = worthOf;
  }

  /** Puts a node, or sets the value of one that is here. One whose domains changed is taken out before. */
  setNode(slot: number, value: number): void {
    const group = this.#groups[this.#seats[2 * slot] ?? nowhere] ?? this.#seat(slot);
    setValue(group, this.#seats[2 * slot + 1] ?? 0, value);
  }

  removeNode(slot: number): void {
    const group = this.#groups[this.#seats[2 * slot] ?? nowhere];
    if (group === undefined) return;
    const place = this.#seats[2 * slot + 1] ?? 0;
    setValue(group, place, infeasible);
    group.free.push(place);
    this.#seats[2 * slot] = nowhere;
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

  /** As `best`, with something on top for each node. Only for a tree without domains. */
  bestWith({ extraOf, mostExtra, limit }: Extra): number | undefined | 'too many' {
    const { members, values } = this.#root;
    const slotAt = (place: number): number => {
      const member = members[place];
      return typeof member === 'number' ? member : nowhere;
    };
    const place = values.bestWith({ extraOf: (at) => extraOf(slotAt(at)), mostExtra, limit });
    return typeof place === 'number' ? slotAt(place) : place;
  }

  /** The whole value of one node. */
  valueAt(slot: number): number {
    const seat = this.#groups[this.#seats[2 * slot] ?? nowhere];
    if (seat === undefined) return infeasible;
    let value = seat.values.score(this.#seats[2 * slot + 1] ?? 0);
    for (let group: Group | undefined = seat; group !== undefined; group = group.parent) value += group.own;
    return value;
  }

  #seat(slot: number): Group {
    const group = this.#groupFor(slot);
    const place = group.free.pop() ?? group.members.length;
    group.members[place] = slot;
    if (2 * slot >= this.#seats.length) this.#seats = grown(this.#seats, 4 * (slot + 1));
    this.#seats[2 * slot] = group.number;
    this.#seats[2 * slot + 1] = place;
    return group;
  }

  #groupFor(slot: number): Group {
    let group = this.#root;
    for (let level = 0; level < this.#levels.length; level += 1) {
      const domain = this.#levels[level]?.topology.domainOf(slot) ?? 0;
      group = group.byDomain.get(domain) ?? this.#addGroup(group, level, domain);
    }
    return group;
  }

  #addGroup(parent: Group, level: number, domain: number): Group {
    const group = this.#newGroup(parent, parent.members.length, this.#worthOf(level, domain));
    parent.members.push(group);
    parent.byDomain.set(domain, group);
    const groups = this.#levels[level]?.groups;
    groups?.set(domain, [...(groups.get(domain) ?? []), group]);
    return group;
  }

  #newGroup(parent: Group | undefined, at: number, own: number): Group {
    const group: Group = {
      number: this.#groups.length,
      ...{ parent, at, own },
      ...{ values: new ScoreTree(), members: [], free: [], byDomain: new Map() },
    };
    this.#groups.push(group);
    return group;
  }
}

/** No group's number. */
const nowhere = -1;

function grown(numbers: Int32Array, size: number): Int32Array {
  const larger = new Int32Array(size).fill(nowhere);
  larger.set(numbers);
  return larger;
}

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
