/**
 * All counters per topology domain, and the terms that placed pods carry. A pod that comes to a node, or leaves it,
 * changes only the counters that count its class; which those are is found once per class.
 */
import { type CarriedTerm, type NamespaceLabels, usesNamespaceLabels } from '../framework/affinity-term.ts';
import { labelOf } from '../framework/node-affinity-term.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { type CounterSource, type CounterSpec, wholeCluster } from '../framework/plugin.ts';
import type { PodClass } from '../framework/pod-class.ts';
import { DomainCounter } from './domain-counter.ts';
import type { PlacedPods } from './placed-pods.ts';
import { Topology } from './topology.ts';

interface ClassMemo {
  counters: DomainCounter[];
  /** Counters up to this serial number have been looked at. */
  upTo: number;
}

interface Carried extends CarriedTerm {
  pods: number;
}

/** What is counted. */
export interface CountedCluster {
  readonly pods: PlacedPods;
  eachNode(): Iterable<NodeInfo>;
}

interface ClassCount {
  all: number;
  live: number;
}

export class Counters implements CounterSource {
  readonly namespaceLabels: NamespaceLabels;
  readonly #cluster: CountedCluster;
  readonly #topologies = new Map<string, Topology>();
  readonly #byId = new Map<string, DomainCounter>();
  /** In order of their serial numbers. */
  #inOrder: { readonly serial: number; readonly counter: DomainCounter }[] = [];
  #lastSerial = 0;
  #memos = new WeakMap<PodClass, ClassMemo>();
  readonly #carried = new Map<string, Carried>();
  #version = 0;

  constructor(namespaceLabels: NamespaceLabels, cluster: CountedCluster) {
    this.namespaceLabels = namespaceLabels;
    this.#cluster = cluster;
  }

  /** Changes whenever a class may get other rules than before. */
  get version(): number {
    return this.#version;
  }

  get carriedTerms(): Iterable<CarriedTerm> {
    return this.#carried.values();
  }

  topology(key: string): Topology {
    const known = this.#topologies.get(key);
    if (known !== undefined) return known;
    const created = new Topology(key);
    this.#topologies.set(key, created);
    for (const node of this.#cluster.eachNode()) created.place(node.slot, domainNameOf(node, key));
    return created;
  }

  counter(spec: CounterSpec): DomainCounter {
    return this.#byId.get(spec.id) ?? this.#create(spec);
  }

  carriersOf({ id, term }: CarriedTerm): DomainCounter {
    const counts = (pod: PodClass): boolean => pod.affinity.carried.some((carried) => carried.id === id);
    return this.counter({ id: `carries ${id}`, topologyKey: term.topologyKey, counts, liveOnly: false });
  }

  /** `by` pods of the class came to the node, `live` of them not being deleted. */
  add(podClass: PodClass, slot: number, by: number, live: number): void {
    for (const carried of podClass.affinity.carried) this.#carry(carried, by);
    if (this.#inOrder.length === 0) return;
    for (const counter of this.#countersOf(podClass)) counter.add(slot, counter.spec.liveOnly ? live : by);
  }

  /** `by` pods of the class are nominated for some node: what they forbid is a rule for others already. */
  expect({ affinity }: PodClass, by: 1 | -1): void {
    for (const carried of affinity.carried) if (carried.kind === 'forbids') this.#carry(carried, by);
  }

  enterNode(node: NodeInfo): void {
    for (const topology of this.#topologies.values())
      topology.place(node.slot, domainNameOf(node, topology.key));
    const classes = this.#classesOn(node);
    for (const { counter } of this.#inOrder)
      if (counter.spec.isEligible?.(node) !== false) counter.enter(node.slot, countedOf(classes, counter));
  }

  leaveNode(node: NodeInfo): void {
    const classes = this.#classesOn(node);
    for (const { counter } of this.#inOrder) counter.leave(node.slot, countedOf(classes, counter));
    for (const topology of this.#topologies.values()) topology.place(node.slot, undefined);
  }

  /** Namespaces came, or their labels changed: where they matter, everything is counted anew. */
  namespacesChanged(): void {
    const areCounted = this.#inOrder.some(({ counter }) => counter.spec.usesNamespaceLabels === true);
    const areCarried = [...this.#carried.values()].some(({ term }) => usesNamespaceLabels(term));
    if (!areCounted && !areCarried) return;
    for (const { counter } of this.#inOrder) counter.isDropped = true;
    this.#inOrder = [];
    this.#byId.clear();
    this.#memos = new WeakMap();
    this.#version += 1;
  }

  release(counter: DomainCounter): void {
    counter.readers -= 1;
    if (counter.readers > 0 || counter.isDropped) return;
    counter.isDropped = true;
    this.#byId.delete(counter.spec.id);
    this.#inOrder = this.#inOrder.filter((each) => each.counter !== counter);
  }

  #create(spec: CounterSpec): DomainCounter {
    const counter = new DomainCounter(spec, this.topology(spec.topologyKey));
    this.#byId.set(spec.id, counter);
    this.#lastSerial += 1;
    this.#inOrder.push({ serial: this.#lastSerial, counter });
    for (const node of this.#cluster.eachNode())
      if (spec.isEligible?.(node) !== false) counter.enter(node.slot, 0);
    const count = (slot: number, isLive: boolean): void =>
      counter.add(slot, isLive || !spec.liveOnly ? 1 : 0);
    const { pods } = this.#cluster;
    for (const podClass of pods.classes) if (spec.counts(podClass)) pods.eachOf(podClass, count);
    return counter;
  }

  #countersOf(podClass: PodClass): readonly DomainCounter[] {
    const memo = this.#memos.get(podClass) ?? { counters: [], upTo: 0 };
    if (memo.upTo < this.#lastSerial) {
      memo.counters = memo.counters.filter(({ isDropped }) => !isDropped);
      for (let i = this.#inOrder.length - 1; i >= 0; i -= 1) {
        const entry = this.#inOrder[i];
        if (entry === undefined || entry.serial <= memo.upTo) break;
        if (entry.counter.spec.counts(podClass)) memo.counters.push(entry.counter);
      }
      memo.upTo = this.#lastSerial;
      this.#memos.set(podClass, memo);
    }
    return memo.counters;
  }

  #classesOn({ slot }: NodeInfo): ReadonlyMap<PodClass, ClassCount> {
    const classes = new Map<PodClass, ClassCount>();
    if (this.#inOrder.length === 0) return classes;
    for (const { podClass, isLive } of this.#cluster.pods.on(slot)) {
      const count = classes.get(podClass) ?? { all: 0, live: 0 };
      count.all += 1;
      if (isLive) count.live += 1;
      classes.set(podClass, count);
    }
    return classes;
  }

  #carry(carried: CarriedTerm, by: number): void {
    const known = this.#carried.get(carried.id);
    if (known === undefined) {
      this.#carried.set(carried.id, { ...carried, pods: by });
      this.#version += 1;
      return;
    }
    known.pods += by;
    if (known.pods === 0) this.#carried.delete(carried.id);
  }
}

function countedOf(classes: ReadonlyMap<PodClass, ClassCount>, { spec }: DomainCounter): number {
  let pods = 0;
  for (const [podClass, { all, live }] of classes)
    if (spec.counts(podClass)) pods += spec.liveOnly ? live : all;
  return pods;
}

const domainNameOf = (node: NodeInfo, key: string): string | undefined =>
  key === wholeCluster ? 'all nodes' : labelOf(node, key);
