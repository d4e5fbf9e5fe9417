import { type CounterSpec, type DomainCounts, noDomain } from '../framework/plugin.ts';
import { ChangeLog } from './change-log.ts';
import { DomainRanks } from './domain-ranks.ts';
import type { Topology } from './topology.ts';

const keepChanges = 512;
const initialSlots = 64;

/**
 * Counts pods by topology domain. Whoever asks for the least of all domains, or for the domains with a given count,
 * gets them without a look at each: from the first such question on they are kept in ranks. A change costs a constant
 * number of steps.
 *
 * INVARIANTS: every change of a count that lasts is in the change log; a domain is ranked exactly when it has an eligible node.
 */
export class DomainCounter implements DomainCounts {
  readonly spec: CounterSpec;
  readonly topology: Topology;
  readonly changes: ChangeLog = new ChangeLog();
  /** Classes of pods that read it; nobody's counter is dropped. */
  readers = 0;
  isDropped = false;
  #total = 0;
  #domainCount = 0;
  readonly #counts: number[] = [];
  readonly #nodes: number[] = [];
  #ranks: DomainRanks | undefined;
  /** By slot; only where not every node is eligible. */
  #eligible: Uint8Array | undefined;

  constructor(spec: CounterSpec, topology: Topology) {
    this.spec = spec;
    this.topology = topology;
    this.#eligible = spec.isEligible === undefined ? undefined : new Uint8Array(initialSlots);
  }

  get total(): number {
    return this.#total;
  }

  get least(): number {
    return this.#ranked().least;
  }

  get domainCount(): number {
    return this.#domainCount;
  }

  count(domain: number): number {
    return this.#counts[domain] ?? 0;
  }

  /** Domains whose count is above `low` and not above `high`. */
  domainsBetween(low: number, high: number): Iterable<number> {
    return this.#ranked().between(low, high);
  }

  /** Pods came to a node (or left it, negative). */
  add(slot: number, by: number): void {
    if (by === 0 || !this.#isEligible(slot)) return;
    const domain = this.topology.domainOf(slot);
    if (domain !== noDomain) this.#change(domain, by, 0);
  }

  /** In thought, for a question that is asked and taken back within one turn: nobody is told. */
  imagine(slot: number, by: number): void {
    if (by === 0 || !this.#isEligible(slot)) return;
    const domain = this.topology.domainOf(slot);
    if (domain !== noDomain) this.#count(domain, by, 0);
  }

  /** A node with `pods` that count begins to be in its domain. */
  enter(slot: number, pods: number): void {
    const domain = this.topology.domainOf(slot);
    this.#setEligible(slot, 1);
    if (domain !== noDomain) this.#change(domain, pods, 1);
  }

  /** Before the node's domain changes. */
  leave(slot: number, pods: number): void {
    if (!this.#isEligible(slot)) return;
    this.#setEligible(slot, 0);
    const domain = this.topology.domainOf(slot);
    if (domain !== noDomain) this.#change(domain, -pods, -1);
  }

  #isEligible(slot: number): boolean {
    return this.#eligible === undefined || this.#eligible[slot] === 1;
  }

  #setEligible(slot: number, value: 0 | 1): void {
    if (this.#eligible === undefined) return;
    if (slot >= this.#eligible.length) {
      const larger = new Uint8Array(2 * (slot + 1));
      larger.set(this.#eligible);
      this.#eligible = larger;
    }
    this.#eligible[slot] = value;
  }

  #change(domain: number, pods: number, nodes: number): void {
    this.#count(domain, pods, nodes);
    this.changes.add(domain, keepChanges + 2 * this.#counts.length);
  }

  #count(domain: number, pods: number, nodes: number): void {
    const before = this.#counts[domain] ?? 0;
    const nodesBefore = this.#nodes[domain] ?? 0;
    const nodesAfter = nodesBefore + nodes;
    this.#counts[domain] = before + pods;
    this.#nodes[domain] = nodesAfter;
    this.#total += pods;
    if (nodesBefore === 0 && nodesAfter > 0) this.#domainCount += 1;
    if (nodesBefore > 0 && nodesAfter === 0) this.#domainCount -= 1;
    this.#ranks?.move(
      domain,
      nodesBefore > 0 ? before : undefined,
      nodesAfter > 0 ? before + pods : undefined,
    );
  }

  #ranked(): DomainRanks {
    if (this.#ranks !== undefined) return this.#ranks;
    const ranks = new DomainRanks();
    for (const [domain, nodes] of this.#nodes.entries())
      if ((nodes ?? 0) > 0) ranks.move(domain, undefined, this.count(domain));
    this.#ranks = ranks;
    return ranks;
  }
}
