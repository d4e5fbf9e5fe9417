/**
 * Nodes and the pods on them, as the scheduler knows them: what the API server has told, and what has been decided
 * but not yet confirmed (assumed). Read by the pure core as its snapshot; between two changes it does not move, and
 * decisions are made between changes.
 *
 * INVARIANTS: a pod counts on exactly one node; a node's sums equal those of its pods; every change of a node is in
 * the change log.
 */
import type { Node } from '../../api/generated/core-v1.ts';
import type { NamespaceLabels } from '../framework/affinity-term.ts';
import {
  isPlain,
  type NodeFacts,
  type NodeInfo,
  type NodeLoad,
  NodeRecord,
  NodeUsage,
  type Nomination,
  toNodeFacts,
} from '../framework/node-info.ts';
import { NodeRows, noPeriod, reportAge } from '../framework/node-rows.ts';
import { OwnerReplicas } from '../framework/owner-replicas.ts';
import { ChangeLog } from './change-log.ts';
import { Counters } from './counters.ts';
import { type PlacedPod, PlacedPods } from './placed-pods.ts';

export type { PlacedPod } from './placed-pods.ts';

interface Entry {
  readonly name: string;
  readonly slot: number;
  readonly usage: NodeUsage;
  /** Undefined for a name that only pods mention. */
  known: { readonly facts: NodeFacts; readonly node: NodeInfo } | undefined;
}

/** What changed of a node that scheduling looks at; `domains`: pods elsewhere see it, too. */
export type NodeChange = 'none' | 'itself' | 'domains';

export class Cluster {
  readonly changes: ChangeLog = new ChangeLog();
  /** Of those, the nodes that came, went or changed themselves, not what is on them. */
  readonly factChanges: ChangeLog = new ChangeLog();
  readonly counters: Counters;
  readonly #entries = new Map<string, Entry>();
  readonly #slots: (Entry | undefined)[] = [];
  /** The same nodes without their entries, for those who ask by slot. */
  readonly #nodes: (NodeInfo | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  readonly #pods = new PlacedPods();
  /** Of pods removed while their load was estimated, the period, in case that they are put back. */
  readonly #removedIn = new WeakMap<PlacedPod, number>();
  readonly #rows = new NodeRows();
  readonly #replicas = new OwnerReplicas();
  readonly #nominated = new Map<string, string>();
  readonly #nominatedSlots = new Set<number>();
  #nodeCount = 0;

  constructor(namespaceLabels: NamespaceLabels = () => undefined) {
    this.counters = new Counters(namespaceLabels, { eachNode: () => this.nodes, pods: this.#pods });
  }

  get nodeCount(): number {
    return this.#nodeCount;
  }

  /** One more than the greatest slot in use. */
  get slotCount(): number {
    return this.#slots.length;
  }

  get podCount(): number {
    return this.#pods.size;
  }

  get nodes(): Iterable<NodeInfo> {
    return this.#eachNode();
  }

  get pods(): Iterable<PlacedPod> {
    return this.#pods.all;
  }

  /** The node in a slot, if there is one. */
  nodeAt(slot: number): NodeInfo | undefined {
    return this.#nodes[slot];
  }

  node(name: string): NodeInfo | undefined {
    return this.#entries.get(name)?.known?.node;
  }

  pod(uid: string): PlacedPod | undefined {
    return this.#pods.get(uid);
  }

  /** In the order in which they came. */
  podsOn(nodeName: string): readonly PlacedPod[] {
    const entry = this.#entries.get(nodeName);
    return entry === undefined ? [] : this.#pods.on(entry.slot);
  }

  setNode(node: Node): NodeChange {
    return this.setNodeFacts(toNodeFacts(node));
  }

  setNodeFacts(facts: NodeFacts): NodeChange {
    const entry = this.#entryOf(facts.name);
    const before = entry.known;
    if (before === undefined) this.#nodeCount += 1;
    else if (isSame(before.facts, facts)) return 'none';
    const node = new NodeRecord(entry.slot, facts, entry.usage);
    const moves = before === undefined || !isSameToOthers(before.facts, facts);
    if (moves && before !== undefined) this.counters.leaveNode(before.node);
    entry.known = { facts, node };
    this.#nodes[entry.slot] = node;
    if (moves) this.counters.enterNode(node);
    this.#factsChanged(entry);
    return moves ? 'domains' : 'itself';
  }

  removeNode(name: string): void {
    const entry = this.#entries.get(name);
    if (entry?.known === undefined) return;
    this.counters.leaveNode(entry.known.node);
    entry.known = undefined;
    this.#nodes[entry.slot] = undefined;
    entry.usage.load = undefined;
    this.#nodeCount -= 1;
    this.#factsChanged(entry);
    this.#dropIfUnused(entry);
  }

  /** What the node's agent reports, or how much an older report is still worth. `isNew` begins a new period of estimates. */
  setLoad(name: string, load: NodeLoad | undefined, isNew: boolean): void {
    const entry = this.#entries.get(name);
    if (entry?.known === undefined) return;
    entry.usage.load = load;
    if (isNew) entry.usage.beginPeriod();
    this.#slotChanged(entry.slot);
  }

  /** A pod as the API server has it: on a node. Replaces what was assumed of it. */
  setPod(pod: PlacedPod): void {
    this.#set(pod, undefined, undefined);
  }

  /** As `setPod`, for one who has just looked at the node and need not have it looked up. */
  assume(pod: PlacedPod, { slot }: NodeInfo): void {
    this.#set(pod, slot, undefined);
  }

  #set(pod: PlacedPod, on: number | undefined, period: number | undefined): void {
    const known = this.#pods.get(pod.uid);
    if (known !== undefined && isSamePlacement(known, pod)) {
      this.#pods.replace(pod);
      return;
    }
    // Where it was already, the report knows as much of it as before.
    const earlier = known?.nodeName === pod.nodeName ? this.#pods.periodOf(pod.uid) : undefined;
    if (known !== undefined) this.removePod(known.uid);
    const slot = on ?? this.#entryOf(pod.nodeName).slot;
    const came = period ?? earlier ?? this.#rows.periodOf(slot);
    this.#pods.add(pod, { slot, period: came });
    this.#count(slot, pod, 1, this.#rows.ageOf(slot, came));
  }

  /** Nothing of the pod stays, not even an estimate of its load. @returns the pod that was there */
  removePod(uid: string): PlacedPod | undefined {
    const pod = this.#pods.get(uid);
    if (pod === undefined) return undefined;
    const period = this.#pods.periodOf(uid) ?? noPeriod;
    const slot = this.#pods.remove(pod);
    const age = this.#rows.ageOf(slot, period);
    if (age !== reportAge.known) this.#removedIn.set(pod, period);
    this.#count(slot, pod, -1, age);
    const entry = this.#nodes[slot] === undefined ? this.#slots[slot] : undefined;
    if (entry !== undefined) this.#dropIfUnused(entry);
    return pod;
  }

  /** Puts back a pod that was removed in this very turn, in thought. */
  putBack(pod: PlacedPod): void {
    this.#set(pod, undefined, this.#removedIn.get(pod) ?? noPeriod);
  }

  /** Takes back an assumption that did not come true; what the API server has told stays. */
  forget(uid: string): PlacedPod | undefined {
    return this.#pods.get(uid)?.isAssumed === true ? this.removePod(uid) : undefined;
  }

  /** Keeps room on a node for a pod whose victims are leaving. Replaces the pod's earlier nomination. */
  nominate(nomination: Nomination, nodeName: string): void {
    this.withdrawNomination(nomination.uid);
    const entry = this.#entries.get(nodeName);
    if (entry === undefined) return;
    entry.usage.nominations = [...entry.usage.nominations, nomination];
    this.#nominatedSlots.add(entry.slot);
    this.counters.expect(nomination.podClass, 1);
    this.#nominated.set(nomination.uid, nodeName);
    this.#slotChanged(entry.slot);
  }

  /** @returns the node that the pod was nominated for. */
  withdrawNomination(uid: string): string | undefined {
    const nodeName = this.#nominated.get(uid);
    if (nodeName === undefined) return undefined;
    this.#nominated.delete(uid);
    const entry = this.#entries.get(nodeName);
    if (entry === undefined) return nodeName;
    const withdrawn = entry.usage.nominations.find((nomination) => nomination.uid === uid);
    if (withdrawn !== undefined) this.counters.expect(withdrawn.podClass, -1);
    entry.usage.nominations = entry.usage.nominations.filter((nomination) => nomination !== withdrawn);
    if (entry.usage.nominations.length === 0) this.#nominatedSlots.delete(entry.slot);
    this.#slotChanged(entry.slot);
    this.#dropIfUnused(entry);
    return nodeName;
  }

  /** Where pods wait for room. */
  get nominatedSlots(): ReadonlySet<number> {
    return this.#nominatedSlots;
  }

  /** Who waits for room there, though the node may be gone. */
  nominatedOn(nodeName: string): readonly string[] {
    return this.#entries.get(nodeName)?.usage.nominations.map(({ uid }) => uid) ?? [];
  }

  /** Of all pods that have a node. */
  get lowestPriority(): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (const { priority } of this.#pods.classes) lowest = Math.min(lowest, priority);
    return lowest;
  }

  nominationOf(uid: string): string | undefined {
    return this.#nominated.get(uid);
  }

  #count(slot: number, { podClass, isLive }: PlacedPod, by: 1 | -1, age: number): void {
    if (isPlain(podClass)) {
      // Without a look at the node's objects: of most pods there is nothing in them.
      this.#rows.count(slot, podClass, by, age);
      if (isLive && podClass.owner !== undefined) this.#replicas.count(podClass.owner, slot, by);
    } else if (by === 1) this.#slots[slot]?.usage.add(podClass, isLive, age);
    else this.#slots[slot]?.usage.remove(podClass, isLive, age);
    this.counters.add(podClass, slot, by, isLive ? by : 0);
    this.#slotChanged(slot);
  }

  /** The slots with live pods of this owner, and how many. */
  replicasOf(owner: string | undefined): ReadonlyMap<number, number> {
    return this.#replicas.of(owner);
  }

  #entryOf(name: string): Entry {
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const slot = this.#freeSlots.pop() ?? this.#slots.length;
    this.#rows.clear(slot);
    const usage = new NodeUsage({ rows: this.#rows, row: slot, replicas: this.#replicas });
    const entry: Entry = { name, slot, usage, known: undefined };
    this.#entries.set(name, entry);
    this.#slots[slot] = entry;
    return entry;
  }

  #factsChanged({ slot }: Entry): void {
    this.factChanges.add(slot, keepChanges + 2 * this.#slots.length);
    this.#slotChanged(slot);
  }

  #slotChanged(slot: number): void {
    this.changes.add(slot, keepChanges + 2 * this.#slots.length);
  }

  #dropIfUnused(entry: Entry): void {
    if (
      entry.known !== undefined ||
      this.#rows.podCount(entry.slot) > 0 ||
      entry.usage.nominations.length > 0
    )
      return;
    this.#entries.delete(entry.name);
    this.#slots[entry.slot] = undefined;
    this.#freeSlots.push(entry.slot);
  }

  *#eachNode(): Generator<NodeInfo> {
    for (const entry of this.#slots) if (entry?.known !== undefined) yield entry.known.node;
  }
}

const keepChanges = 1_024;

const isSame = (left: NodeFacts, right: NodeFacts): boolean => textOf(left) === textOf(right);

const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (part instanceof Map ? [...part] : part));

/** Whether pods on other nodes see the same: domains and who counts in them. */
const isSameToOthers = (left: NodeFacts, right: NodeFacts): boolean =>
  textOf([left.labels, left.taints]) === textOf([right.labels, right.taints]);

const isSamePlacement = (left: PlacedPod, right: PlacedPod): boolean =>
  left.nodeName === right.nodeName && left.podClass === right.podClass && left.isLive === right.isLive;
