import type { CarriedTerm, NamespaceLabels } from './affinity-term.ts';
import type { NodeFacts, NodeInfo } from './node-info.ts';
import type { PodClass } from './pod-class.ts';

/** What a node lacks of one resource for one pod; in the resource's base unit (CPU in thousandths). */
export interface Shortfall {
  readonly resource: string;
  readonly needed: number;
  readonly free: number;
}

/** Why a plugin refuses a node. Plain data: it is sent and stored as it is. */
export interface Rejection {
  /** In Kubernetes' words. */
  readonly reasons: readonly string[];
  /** True when evicting pods from the node cannot help. */
  readonly isFinal: boolean;
  readonly shortfalls?: readonly Shortfall[];
  /** The smallest change with which this plugin would accept the node. */
  readonly change?: string;
}

/** Looks at one node only, so that its verdict holds until that node changes. */
export interface NodeFilter {
  readonly name: string;
  /** Whether it can say no to this pod at all. */
  concerns(pod: PodClass): boolean;
  admits(pod: PodClass, node: NodeInfo): boolean;
  /** True when it looks at `NodeFacts` only, not at what is on the node: its answer is kept until those change. */
  readonly isStanding?: boolean;
  /** Called only for a node that it does not admit. */
  reject(pod: PodClass, node: NodeInfo): Rejection;
}

/**
 * Points from 0 to 100 on a fixed scale: never relative to the other nodes, so that a score holds until the node
 * itself changes.
 */
export interface NodeScore {
  readonly name: string;
  readonly weight: number;
  concerns(pod: PodClass): boolean;
  score(pod: PodClass, node: NodeInfo): number;
  /** As a filter's. */
  readonly isStanding?: boolean;
  /**
   * True when nothing of the pod matters but how many replicas of its owner are on the node, and a node without any
   * gets `maxScore`.
   */
  readonly countsReplicas?: boolean;
}

/** A domain is the set of nodes that share a topology label's value; nodes without the label are in none. */
export const noDomain = -1;

/** As a topology key: one domain with all nodes, whatever their labels. */
export const wholeCluster = '';

/** Pods of some kind, counted by topology domain. */
export interface DomainCounts {
  count(domain: number): number;
  readonly total: number;
  /** The fewest in any domain that has an eligible node; 0 when there is no domain. */
  readonly least: number;
  /** Domains that have an eligible node. */
  readonly domainCount: number;
}

export interface CounterSpec {
  /** Two specs with one id count the same. */
  readonly id: string;
  readonly topologyKey: string;
  readonly counts: (pod: PodClass) => boolean;
  /** Leaves out pods that are being deleted. */
  readonly liveOnly: boolean;
  /** Whether what it counts hangs on labels of namespaces. */
  readonly usesNamespaceLabels?: boolean;
  /** Nodes that do not count, nor the pods on them; undefined: all count. */
  readonly isEligible?: (node: NodeFacts) => boolean;
}

/** What domain plugins look at. */
export interface CounterSource {
  readonly namespaceLabels: NamespaceLabels;
  /** Terms that some pod on some node carries: they look at pods that are placed later. */
  readonly carriedTerms: Iterable<CarriedTerm>;
  counter(spec: CounterSpec): DomainCounts;
  /** Counts pods that carry the term. */
  carriersOf(carried: CarriedTerm): DomainCounts;
}

/**
 * What one class of pods wants of the domains of one topology key. Answers hang on the counters alone: they hold
 * for a domain until its counts change, or the threshold does.
 */
export interface DomainRule {
  /** Two rules of a class with one id are the same. */
  readonly id: string;
  readonly topologyKey: string;
  readonly counters: readonly DomainCounts[];
  /** Whether it can refuse a domain at all. */
  readonly isHard: boolean;
  /** `noDomain` for nodes without the key. */
  reject(domain: number): Rejection | undefined;
  /** Points, 0 in the middle or at the worst. */
  score(domain: number): number;
  /**
   * On what the answers for all domains hang: with `limit` only those domains change whose count lies between the
   * old and the new value, with `all` every one.
   */
  readonly threshold?: { readonly affects: 'limit' | 'all'; value(): number };
}

/** Looks at pods on other nodes, too, by counters of topology domains. */
export interface DomainPlugin {
  readonly name: string;
  readonly weight: number;
  rulesOf(pod: PodClass, counters: CounterSource): readonly DomainRule[];
  /** Whether pods that come or go elsewhere may let this pod in. What they themselves forbid is not meant. */
  looksAtOtherPods(pod: PodClass): boolean;
}

export interface PluginSet {
  readonly nodeFilters: readonly NodeFilter[];
  readonly nodeScores: readonly NodeScore[];
  readonly domainPlugins: readonly DomainPlugin[];
}

export const maxScore = 100;

/** What a node is worth where no pod of the class can go. */
export const infeasible: number = Number.NEGATIVE_INFINITY;
