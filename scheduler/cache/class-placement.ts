/**
 * The value of every node for one class of pods, kept up to date by what changed: nodes by the cluster's change log,
 * domains by the logs of their counters. Placing a pod changes one node and the counters that concern the pod, so
 * the next pod of the class costs a few evaluations, however many nodes there are.
 *
 * A key whose domains are few is a level of the domain tree: a change of a domain is one step. A key with about as
 * many domains as nodes (the host name) is added to the nodes themselves.
 */

import type { LocalEvaluation } from '../framework/evaluate.ts';
import { ruleKey, type WeighedRule, weighRules } from '../framework/evaluate.ts';
import { infeasible, type PluginSet } from '../framework/plugin.ts';
import type { PodClass } from '../framework/pod-class.ts';
import type { Cluster } from './cluster.ts';
import type { DomainCounter } from './domain-counter.ts';
import { DomainTree } from './domain-tree.ts';
import { rejectBesideNominated } from './nominated-pods.ts';
import type { Extra } from './score-tree.ts';
import type { Placement } from './shared-placement.ts';
import type { Topology } from './topology.ts';

interface Watched {
  readonly counter: DomainCounter;
  position: number;
}

interface Rule {
  readonly weighed: WeighedRule;
  readonly watched: readonly Watched[];
  threshold: number;
}

interface Key {
  readonly topology: Topology;
  readonly rules: readonly Rule[];
  /** Of the domain tree; undefined for a key that is added to the nodes. */
  level: number | undefined;
}

/** Nodes a domain has at the least, on the average, for its key to be a level of the tree. */
const nodesPerDomain = 2;

export class ClassPlacement implements Placement {
  readonly #cluster: Cluster;
  readonly #plugins: PluginSet;
  readonly #pod: PodClass;
  readonly #local: LocalEvaluation;
  /** What each node is worth by itself. */
  #values: Float64Array = new Float64Array(0);
  /** What each node is worth by its facts alone; NaN where that is still to be found. */
  #standing: Float64Array = new Float64Array(0);
  #factsPosition = 0;
  #keys: readonly Key[] = [];
  #nodeKeys: readonly Key[] = [];
  #ruleKey = '';
  #rulesVersion = -1;
  #tree: DomainTree = new DomainTree([], () => 0);
  #position = -1;
  #builtForNodes = 0;

  constructor(cluster: Cluster, plugins: PluginSet, pod: PodClass, local: LocalEvaluation) {
    this.#cluster = cluster;
    this.#plugins = plugins;
    this.#pod = pod;
    this.#local = local;
  }

  /** In the order in which they are asked. */
  get rules(): readonly WeighedRule[] {
    return this.#keys.flatMap(({ rules }) => rules.map(({ weighed }) => weighed));
  }

  get local(): LocalEvaluation {
    return this.#local;
  }

  best(): number | undefined {
    return this.#tree.best();
  }

  valueAt(slot: number): number {
    return this.#tree.valueAt(slot);
  }

  /** As `best`, with something on top for each node. Only for a class without rules about domains. */
  bestWith(extra: Extra): number | undefined | 'too many' {
    return this.#tree.bestWith(extra);
  }

  /** Brings everything up to date. */
  refresh(): void {
    this.#followFacts();
    if (this.#findRules()) this.#rebuild();
    else if (!this.#followNodes()) this.#rebuild();
    else this.#followDomains();
    if (this.#cluster.nominatedSlots.size > 0) this.#followNominations();
  }

  /** Lets go of the counters. */
  release(): void {
    for (const { rules } of this.#keys)
      for (const { watched } of rules)
        for (const { counter } of watched) this.#cluster.counters.release(counter);
    this.#keys = [];
    this.#rulesVersion = -1;
    this.#ruleKey = '';
  }

  /** @returns whether the class has other rules than before. */
  #findRules(): boolean {
    const { counters } = this.#cluster;
    if (counters.version === this.#rulesVersion) return false;
    const weighed = weighRules(this.#plugins, this.#pod, counters);
    const isFirst = this.#rulesVersion === -1;
    this.#rulesVersion = counters.version;
    const key = ruleKey(weighed);
    const areCounted = this.#keys.every(({ rules }) =>
      rules.every(({ watched }) => watched.every(({ counter }) => !counter.isDropped)),
    );
    if (!isFirst && key === this.#ruleKey && areCounted) return false;
    const before = this.#keys;
    this.#keys = this.#toKeys(weighed);
    this.#ruleKey = key;
    for (const { rules } of before)
      for (const { watched } of rules) for (const { counter } of watched) counters.release(counter);
    return true;
  }

  #toKeys(weighed: readonly WeighedRule[]): Key[] {
    const byKey = new Map<string, Rule[]>();
    for (const one of weighed) {
      const watched = (one.rule.counters as readonly DomainCounter[]).map((counter) => {
        counter.readers += 1;
        return { counter, position: counter.changes.position };
      });
      const rule = { weighed: one, watched, threshold: one.rule.threshold?.value() ?? 0 };
      const { topologyKey } = one.rule;
      byKey.set(topologyKey, [...(byKey.get(topologyKey) ?? []), rule]);
    }
    const { counters } = this.#cluster;
    return [...byKey].map(([key, rules]) => ({ topology: counters.topology(key), rules, level: undefined }));
  }

  #rebuild(): void {
    const { slotCount, nodeCount } = this.#cluster;
    const isCoarse = ({ topology }: Key): boolean => topology.domainCount * nodesPerDomain <= nodeCount;
    const levels = this.#keys
      .filter(isCoarse)
      .sort((left, right) => left.topology.domainCount - right.topology.domainCount);
    this.#nodeKeys = this.#keys.filter((key) => !isCoarse(key));
    for (const key of this.#nodeKeys) key.level = undefined;
    for (const [level, key] of levels.entries()) key.level = level;
    for (const { rules } of this.#keys)
      for (const rule of rules) {
        rule.threshold = rule.weighed.rule.threshold?.value() ?? 0;
        for (const watched of rule.watched) watched.position = watched.counter.changes.position;
      }
    this.#tree = new DomainTree(
      levels.map(({ topology }) => topology),
      (level, domain) => valueOfDomain(levels[level], domain),
    );
    this.#values = new Float64Array(slotCount);
    if (this.#standing.length < slotCount) this.#standing = grown(this.#standing, slotCount, Number.NaN);
    this.#builtForNodes = nodeCount;
    for (let slot = 0; slot < slotCount; slot += 1) this.#evaluate(slot);
    this.#position = this.#cluster.changes.position;
  }

  /** What was found by facts that changed is forgotten; `changes` has the same nodes, so they are looked at next. */
  #followFacts(): void {
    const { factChanges } = this.#cluster;
    if (this.#factsPosition === factChanges.position) return;
    const changed = factChanges.since(this.#factsPosition);
    this.#factsPosition = factChanges.position;
    if (changed === undefined) this.#standing.fill(Number.NaN);
    else for (const slot of changed) if (slot < this.#standing.length) this.#standing[slot] = Number.NaN;
  }

  /** @returns false when everything has to be looked at. */
  #followNodes(): boolean {
    const { changes, slotCount, nodeCount } = this.#cluster;
    if (this.#position === changes.position) return true;
    if (this.#keys.length > 0 && nodeCount > 2 * this.#builtForNodes) return false;
    const changed = changes.since(this.#position);
    if (changed === undefined) return false;
    this.#position = changes.position;
    if (this.#values.length < slotCount) {
      this.#values = grown(this.#values, slotCount, 0);
      this.#standing = grown(this.#standing, slotCount, Number.NaN);
    }
    for (const slot of changed) this.#evaluate(slot);
    return true;
  }

  #followDomains(): void {
    for (const key of this.#keys)
      for (const rule of key.rules) {
        for (const watched of rule.watched) {
          const { changes } = watched.counter;
          if (watched.position === changes.position) continue;
          const changed = changes.since(watched.position);
          watched.position = changes.position;
          if (changed === undefined) this.#allDomainsChanged(key);
          else for (const domain of changed) this.#domainChanged(key, domain);
        }
        this.#followThreshold(key, rule);
      }
  }

  #followThreshold(key: Key, rule: Rule): void {
    const { threshold } = rule.weighed.rule;
    if (threshold === undefined) return;
    const [before, after] = [rule.threshold, threshold.value()];
    if (before === after) return;
    rule.threshold = after;
    const [watched] = rule.watched;
    if (threshold.affects === 'all' || watched === undefined) {
      this.#allDomainsChanged(key);
      return;
    }
    const [low, high] = before < after ? [before, after] : [after, before];
    for (const domain of watched.counter.domainsBetween(low, high)) this.#domainChanged(key, domain);
  }

  /** Where pods are nominated, what domains say beside them hangs on more than the domains: it is asked each time. */
  #followNominations(): void {
    if (this.#keys.length === 0) return;
    const { rules } = this;
    for (const slot of this.#cluster.nominatedSlots) {
      const node = this.#cluster.nodeAt(slot);
      if (node === undefined || this.#values[slot] === infeasible) continue;
      if (rejectBesideNominated(rules, this.#pod, node) === undefined) this.#put(slot);
      else this.#tree.setNode(slot, infeasible);
    }
  }

  #domainChanged({ topology, level }: Key, domain: number): void {
    if (level !== undefined) {
      this.#tree.setDomain(level, domain);
      return;
    }
    const { slots } = topology;
    for (let slot = slots.first(domain); slot >= 0; slot = slots.next(slot)) this.#put(slot);
  }

  #allDomainsChanged({ level }: Key): void {
    if (level !== undefined) this.#tree.setAllDomains(level);
    else for (const { slot } of this.#cluster.nodes) this.#put(slot);
  }

  #evaluate(slot: number): void {
    const node = this.#cluster.nodeAt(slot);
    if (node === undefined) {
      this.#values[slot] = infeasible;
      this.#tree.removeNode(slot);
      return;
    }
    let standing = this.#standing[slot] ?? infeasible;
    if (Number.isNaN(standing)) {
      standing = this.#local.standing(node);
      this.#standing[slot] = standing;
      this.#tree.removeNode(slot);
    }
    this.#values[slot] = standing === infeasible ? infeasible : standing + this.#local.momentary(node);
    this.#put(slot);
  }

  #put(slot: number): void {
    let value = this.#values[slot] ?? infeasible;
    for (const key of this.#nodeKeys) {
      if (value === infeasible) break;
      value += valueOfDomain(key, key.topology.domainOf(slot));
    }
    this.#tree.setNode(slot, value);
  }
}

function valueOfDomain(key: Key | undefined, domain: number): number {
  let value = 0;
  for (const { weighed } of key?.rules ?? []) {
    if (weighed.rule.reject(domain) !== undefined) return infeasible;
    value += weighed.weight * weighed.rule.score(domain);
  }
  return value;
}

function grown(values: Float64Array, size: number, rest: number): Float64Array {
  const larger = new Float64Array(2 * size).fill(rest);
  larger.set(values);
  return larger;
}
