import { type CounterSpec, type DomainCounts, noDomain } from '../framework/plugin.ts';
import { ChangeLog } from './change-log.ts';
import type { Topology } from './topology.ts';

const keepChanges = 512;

/**
 * Counts pods by topology domain, and knows the least of all domains and which domains have a given count without
 * looking at each. A change costs a constant number of steps.
 *
 * INVARIANTS: a domain is in the bucket of its count exactly when it has an eligible node; every change of a count
 * is in the change log.
 */
export class DomainCounter implements DomainCounts {
  readonly spec: CounterSpec;
  readonly topology: Topology;
  readonly changes: ChangeLog = new ChangeLog();
  /** Classes of pods that read it; nobody's counter is dropped. */
  readers = 0;
  isDropped = false;
  #total = 0;
  #least = 0;
  readonly #counts: number[] = [];
  readonly #nodes: number[] = [];
  readonly #buckets = new Map<number, Set<number>>();
  /** Only where not every node is eligible. */
  readonly #eligibleSlots: Set<number> | undefined;

  constructor(spec: CounterSpec, topology: Topology) {
    this.spec = spec;
    this.topology = topology;
    this.#eligibleSlots = spec.isEligible === undefined ? undefined : new Set();
  }

  get total(): number {
    return this.#total;
  }

  get least(): number {
    return this.#least;
  }

  get domainCount(): number {
    let count = 0;
    for (const domains of this.#buckets.values()) count += domains.size;
    return count;
  }

  count(domain: number): number {
    return this.#counts[domain] ?? 0;
  }

  /** Domains whose count is above `low` and not above `high`. */
  *domainsBetween(low: number, high: number): Generator<number> {
    for (const [count, domains] of this.#buckets) if (count > low && count <= high) yield* domains;
  }

  /** Pods came to a node (or left it, negative). */
  add(slot: number, by: number): void {
    if (by === 0 || this.#eligibleSlots?.has(slot) === false) return;
    const domain = this.topology.domainOf(slot);
    if (domain !== noDomain) this.#change(domain, by, 0);
  }

  /** A node with `pods` that count begins to be in its domain. */
  enter(slot: number, pods: number): void {
    const domain = this.topology.domainOf(slot);
    this.#eligibleSlots?.add(slot);
    if (domain !== noDomain) this.#change(domain, pods, 1);
  }

  /** Before the node's domain changes. */
  leave(slot: number, pods: number): void {
    if (this.#eligibleSlots?.delete(slot) === false) return;
    const domain = this.topology.domainOf(slot);
    if (domain !== noDomain) this.#change(domain, -pods, -1);
  }

  #change(domain: number, pods: number, nodes: number): void {
    const before = this.#counts[domain] ?? 0;
    const nodesBefore = this.#nodes[domain] ?? 0;
    const after = before + pods;
    this.#counts[domain] = after;
    this.#nodes[domain] = nodesBefore + nodes;
    this.#total += pods;
    if (nodesBefore > 0) this.#leaveBucket(domain, before);
    if (nodesBefore + nodes > 0) this.#enterBucket(domain, after);
    this.#findLeast(Math.min(before, after));
    this.changes.add(domain);
    this.changes.trim(keepChanges + 2 * this.#counts.length);
  }

  #leaveBucket(domain: number, count: number): void {
    const bucket = this.#buckets.get(count);
    bucket?.delete(domain);
    if (bucket?.size === 0) this.#buckets.delete(count);
  }

  #enterBucket(domain: number, count: number): void {
    const bucket = this.#buckets.get(count);
    if (bucket === undefined) this.#buckets.set(count, new Set([domain]));
    else bucket.add(domain);
  }

  #findLeast(touched: number): void {
    if (touched > this.#least && this.#buckets.has(this.#least)) return;
    // There are few different counts, most of the time two.
    let least = Number.POSITIVE_INFINITY;
    for (const count of this.#buckets.keys()) if (count < least) least = count;
    this.#least = Number.isFinite(least) ? least : 0;
  }
}
