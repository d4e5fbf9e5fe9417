/**
 * Nodes and the pods on them, as the scheduler knows them: what the API server has told, and what has been decided
 * but not yet confirmed (assumed). Read by the pure core as its snapshot; between two changes it does not move, and
 * decisions are made between changes.
 *
 * INVARIANTS: a pod counts on exactly one node; a node's sums equal those of its pods; every change of a node is in
 * the change log.
 */
import type { Node } from '../../api/generated/core-v1.ts';
import { type NodeFacts, type NodeInfo, NodeUsage, toNodeFacts } from '../framework/node-info.ts';
import type { Snapshot } from '../framework/plugin.ts';
import type { PodClass } from '../framework/pod-class.ts';
import { ChangeLog } from './change-log.ts';
import { hasTerms, TermIndex } from './term-index.ts';

export interface PlacedPod {
  readonly uid: string;
  readonly name: string;
  readonly podClass: PodClass;
  readonly nodeName: string;
  /** Not being deleted. */
  readonly isLive: boolean;
  readonly isAssumed: boolean;
}

interface Entry {
  readonly name: string;
  readonly slot: number;
  readonly usage: NodeUsage;
  /** Undefined for a name that only pods mention. */
  facts: NodeFacts | undefined;
  /** What readers see; made anew when something changed. */
  info: NodeInfo | undefined;
}

type NamespaceLabels = Snapshot['namespaceLabels'];

export class Cluster implements Snapshot {
  readonly changes: ChangeLog = new ChangeLog();
  readonly namespaceLabels: NamespaceLabels;
  readonly #entries = new Map<string, Entry>();
  readonly #slots: (Entry | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  readonly #pods = new Map<string, PlacedPod>();
  readonly #terms = new TermIndex();
  #nodeCount = 0;

  constructor(namespaceLabels: NamespaceLabels = () => undefined) {
    this.namespaceLabels = namespaceLabels;
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

  get classesWithTerms(): Iterable<PodClass> {
    return this.#terms.classes;
  }

  get nodes(): Iterable<NodeInfo> {
    return this.#eachNode();
  }

  /** The node in a slot, if there is one. */
  nodeAt(slot: number): NodeInfo | undefined {
    const entry = this.#slots[slot];
    return entry === undefined ? undefined : infoOf(entry);
  }

  node(name: string): NodeInfo | undefined {
    const entry = this.#entries.get(name);
    return entry === undefined ? undefined : infoOf(entry);
  }

  pod(uid: string): PlacedPod | undefined {
    return this.#pods.get(uid);
  }

  podsOn(nodeName: string): PlacedPod[] {
    return [...this.#pods.values()].filter((pod) => pod.nodeName === nodeName);
  }

  /** @returns whether anything changed that scheduling looks at. */
  setNode(node: Node): boolean {
    const facts = toNodeFacts(node);
    const entry = this.#entryOf(facts.name);
    if (entry.facts === undefined) this.#nodeCount += 1;
    else if (isSame(entry.facts, facts)) return false;
    entry.facts = facts;
    this.#changed(entry);
    return true;
  }

  removeNode(name: string): void {
    const entry = this.#entries.get(name);
    if (entry?.facts === undefined) return;
    entry.facts = undefined;
    this.#nodeCount -= 1;
    this.#changed(entry);
    this.#dropIfUnused(entry);
  }

  /** A pod as the API server has it: on a node. Replaces what was assumed of it. */
  setPod(pod: PlacedPod): void {
    const known = this.#pods.get(pod.uid);
    if (known !== undefined && isSamePlacement(known, pod)) {
      this.#pods.set(pod.uid, pod);
      return;
    }
    if (known !== undefined) this.removePod(known.uid);
    this.#pods.set(pod.uid, pod);
    const entry = this.#entryOf(pod.nodeName);
    entry.usage.add(pod.podClass, pod.isLive);
    this.#terms.add(pod.podClass);
    this.#changed(entry);
  }

  /** @returns the pod that was there. */
  removePod(uid: string): PlacedPod | undefined {
    const pod = this.#pods.get(uid);
    if (pod === undefined) return undefined;
    this.#pods.delete(uid);
    const entry = this.#entryOf(pod.nodeName);
    entry.usage.remove(pod.podClass, pod.isLive);
    this.#terms.remove(pod.podClass);
    this.#changed(entry);
    this.#dropIfUnused(entry);
    return pod;
  }

  /** Takes back an assumption that did not come true; what the API server has told stays. */
  forget(uid: string): PlacedPod | undefined {
    return this.#pods.get(uid)?.isAssumed === true ? this.removePod(uid) : undefined;
  }

  /** Whether some pod on some node has terms that could concern others, or `pod` has. */
  hasTermsAround(pod: PodClass): boolean {
    return hasTerms(pod) || this.#terms.concerns(pod, this.namespaceLabels);
  }

  #entryOf(name: string): Entry {
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const slot = this.#freeSlots.pop() ?? this.#slots.length;
    const entry: Entry = { name, slot, usage: new NodeUsage(), facts: undefined, info: undefined };
    this.#entries.set(name, entry);
    this.#slots[slot] = entry;
    return entry;
  }

  #changed(entry: Entry): void {
    entry.info = undefined;
    this.changes.add(entry.slot);
    this.changes.trim(1_024 + 2 * this.#slots.length);
  }

  #dropIfUnused(entry: Entry): void {
    if (entry.facts !== undefined || entry.usage.podCount > 0) return;
    this.#entries.delete(entry.name);
    this.#slots[entry.slot] = undefined;
    this.#freeSlots.push(entry.slot);
  }

  *#eachNode(): Generator<NodeInfo> {
    for (const entry of this.#slots) {
      const info = entry === undefined ? undefined : infoOf(entry);
      if (info !== undefined) yield info;
    }
  }
}

function infoOf(entry: Entry): NodeInfo | undefined {
  const { facts, usage, slot } = entry;
  if (facts === undefined) return undefined;
  const { requested, estimated, podCount, hostPorts, classes, replicasByOwner } = usage;
  entry.info ??= {
    ...facts,
    slot,
    requested,
    estimated,
    podCount,
    hostPorts,
    classes,
    replicasByOwner,
  };
  return entry.info;
}

const isSame = (left: NodeFacts, right: NodeFacts): boolean => textOf(left) === textOf(right);

const textOf = (facts: NodeFacts): string =>
  JSON.stringify(facts, (_, value: unknown) => (value instanceof Map ? [...value] : value));

const isSamePlacement = (left: PlacedPod, right: PlacedPod): boolean =>
  left.nodeName === right.nodeName && left.podClass === right.podClass && left.isLive === right.isLive;
