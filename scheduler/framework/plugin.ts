import type { NodeInfo } from './node-info.ts';
import type { PodClass } from './pod-class.ts';

/** Why a plugin refuses a node, in Kubernetes' words. */
export interface Rejection {
  readonly reasons: readonly string[];
  /** True when evicting pods from the node cannot help. */
  readonly isFinal: boolean;
  /** What the words leave out, e.g. the taint, or needed against free. */
  readonly detail?: string | undefined;
}

/** Everything at one moment. Read-only to plugins. */
export interface Snapshot {
  readonly nodes: Iterable<NodeInfo>;
  readonly nodeCount: number;
  /** Classes of which a pod that is on some node carries (anti-)affinity terms of its own. */
  readonly classesWithTerms: Iterable<PodClass>;
  readonly namespaceLabels: (namespace: string) => Readonly<Record<string, string>> | undefined;
}

/** Looks at one node only, so that its verdict holds until that node changes. */
export interface NodeFilter {
  readonly name: string;
  filter(pod: PodClass, node: NodeInfo): Rejection | undefined;
}

/** Looks at pods on other nodes, too: prepared once for a pod, then asked for each node. */
export interface ClusterFilter {
  readonly name: string;
  /** Undefined when it has nothing to say about this pod. */
  prepare(pod: PodClass, snapshot: Snapshot): ((node: NodeInfo) => Rejection | undefined) | undefined;
}

/**
 * Points from 0 to 100 on a fixed scale: never relative to the other nodes, so that a score holds until the node
 * itself changes.
 */
export interface NodeScore {
  readonly name: string;
  readonly weight: number;
  score(pod: PodClass, node: NodeInfo): number;
}

export interface ClusterScore {
  readonly name: string;
  readonly weight: number;
  prepare(pod: PodClass, snapshot: Snapshot): ((node: NodeInfo) => number) | undefined;
}

export interface PluginSet {
  readonly nodeFilters: readonly NodeFilter[];
  readonly clusterFilters: readonly ClusterFilter[];
  readonly nodeScores: readonly NodeScore[];
  readonly clusterScores: readonly ClusterScore[];
}

export const maxScore = 100;
