import { matchesSelector } from '../../../api/selector.ts';
import { labelOf } from '../../framework/node-affinity-term.ts';
import type { NodeInfo } from '../../framework/node-info.ts';
import { type ClusterFilter, type ClusterScore, maxScore, type Snapshot } from '../../framework/plugin.ts';
import type { PodClass } from '../../framework/pod-class.ts';
import { admitsNode } from '../../framework/required-nodes.ts';
import type { SpreadConstraint } from '../../framework/spread-constraint.ts';
import { findUntoleratedTaint } from '../../framework/toleration.ts';

const unequal = "node(s) didn't match pod topology spread constraints";
const unlabelled = `${unequal} (missing required label)`;

interface Domains {
  readonly constraint: SpreadConstraint;
  /** Eligible topology value -> matching live pods. */
  readonly counts: ReadonlyMap<string, number>;
  readonly least: number;
  /** 1 when the pod counts itself. */
  readonly self: number;
}

/** `DoNotSchedule`: no domain gets more than `maxSkew` pods ahead of the emptiest. */
export const podTopologySpread: ClusterFilter = {
  name: 'PodTopologySpread',
  prepare(pod, snapshot) {
    const constraints = pod.spread.filter(({ isHard }) => isHard);
    if (constraints.length === 0) return undefined;
    const all = constraints.map((constraint) => domainsOf(constraint, constraints, pod, snapshot));
    return (node) => {
      for (const domains of all) {
        const value = labelOf(node, domains.constraint.topologyKey);
        if (value === undefined) return { reasons: [unlabelled], isFinal: true };
        const skew = (domains.counts.get(value) ?? 0) + domains.self - domains.least;
        if (skew > domains.constraint.maxSkew) return { reasons: [unequal], isFinal: false };
      }
      return undefined;
    };
  },
};

/** `ScheduleAnyway`: the fewer matching pods a domain has, the better; a greater `maxSkew` cares less. */
export const podTopologySpreadScore: ClusterScore = {
  name: 'PodTopologySpread',
  weight: 2,
  prepare(pod, snapshot) {
    const constraints = pod.spread.filter(({ isHard }) => !isHard);
    if (constraints.length === 0) return undefined;
    const all = constraints.map((constraint) => domainsOf(constraint, constraints, pod, snapshot));
    return (node) => {
      let sum = 0;
      for (const { constraint, counts } of all) {
        const value = labelOf(node, constraint.topologyKey);
        // A node outside the topology is the worst choice.
        if (value === undefined) return 0;
        sum += maxScore / (1 + (counts.get(value) ?? 0) / constraint.maxSkew);
      }
      return sum / all.length;
    };
  },
};

function domainsOf(
  constraint: SpreadConstraint,
  together: readonly SpreadConstraint[],
  pod: PodClass,
  snapshot: Snapshot,
): Domains {
  const counts = new Map<string, number>();
  const matches = matcherOf(constraint, pod.namespace);
  for (const node of snapshot.nodes) {
    const value = labelOf(node, constraint.topologyKey);
    if (value === undefined || !isEligible(node, constraint, together, pod)) continue;
    let here = 0;
    for (const [other, { live }] of node.classes) if (live > 0 && matches(other)) here += live;
    counts.set(value, (counts.get(value) ?? 0) + here);
  }
  const least = counts.size < constraint.minDomains ? 0 : Math.min(...counts.values());
  return { constraint, counts, least: counts.size === 0 ? 0 : least, self: matches(pod) ? 1 : 0 };
}

/** Nodes that lack another constraint's key are in no domain of any, as in Kubernetes. */
function isEligible(
  node: NodeInfo,
  constraint: SpreadConstraint,
  together: readonly SpreadConstraint[],
  pod: PodClass,
): boolean {
  return (
    together.every(({ topologyKey }) => labelOf(node, topologyKey) !== undefined) &&
    (!constraint.honoursNodeAffinity || admitsNode(pod, node)) &&
    (!constraint.honoursTaints || findUntoleratedTaint(node.taints, pod.tolerations) === undefined)
  );
}

function matcherOf({ selector }: SpreadConstraint, namespace: string): (other: PodClass) => boolean {
  const known = new Map<PodClass, boolean>();
  return (other) => {
    let answer = known.get(other);
    if (answer === undefined) {
      answer =
        selector !== undefined && other.namespace === namespace && matchesSelector(selector, other.labels);
      known.set(other, answer);
    }
    return answer;
  };
}
