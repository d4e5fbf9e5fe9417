import { matchesSelector } from '../../../api/selector.ts';
import { labelOf } from '../../framework/node-affinity-term.ts';
import type { NodeFacts } from '../../framework/node-info.ts';
import {
  type CounterSource,
  type DomainCounts,
  type DomainPlugin,
  type DomainRule,
  maxScore,
  type NodeScore,
  noDomain,
  type Rejection,
} from '../../framework/plugin.ts';
import type { PodClass } from '../../framework/pod-class.ts';
import { admitsNode } from '../../framework/required-nodes.ts';
import type { SpreadConstraint } from '../../framework/spread-constraint.ts';
import { findUntoleratedTaint } from '../../framework/toleration.ts';

const unequal: Rejection = {
  reasons: ["node(s) didn't match pod topology spread constraints"],
  isFinal: false,
  change: 'fewer matching pods in this domain, or more in the emptiest',
};

const unlabelled = (topologyKey: string): Rejection => ({
  reasons: [`${unequal.reasons[0]} (missing required label)`],
  isFinal: true,
  change: `label ${topologyKey} on the node`,
});

/** Spreads pods over domains by the pod's constraints, or by the profile's where it has none. */
export const podTopologySpread = (defaults: Defaults = () => []): DomainPlugin => ({
  name: 'PodTopologySpread',
  weight: 2,
  looksAtOtherPods: (pod) => constraintsOf(pod, defaults).some(({ isHard }) => isHard),
  rulesOf(pod, counters) {
    const constraints = constraintsOf(pod, defaults);
    const hard = constraints.filter(({ isHard }) => isHard);
    const soft = softOf(constraints);
    return [
      ...hard.map((constraint) => hardRule(constraint, pod, countsOf(constraint, hard, pod, counters))),
      ...soft.map((constraint) =>
        softRule(constraint, soft.length, countsOf(constraint, soft, pod, counters)),
      ),
    ];
  },
});

type Defaults = (pod: PodClass) => readonly SpreadConstraint[];

const constraintsOf = (pod: PodClass, defaults: Defaults): readonly SpreadConstraint[] =>
  pod.spread.length > 0 ? pod.spread : defaults(pod);

const softOf = (constraints: readonly SpreadConstraint[]): readonly SpreadConstraint[] =>
  constraints.filter(({ isHard }) => !isHard);

/**
 * A node that lacks the key of one preferred constraint is worth nothing by the others either, as in Kubernetes: what
 * it could get by them is taken away. Else it would draw pods just because it is counted in no domain.
 */
export const incompleteTopology = (defaults: Defaults = () => []): NodeScore => ({
  name: 'PodTopologySpread',
  weight: 2,
  isStanding: true,
  concerns: (pod) => softOf(constraintsOf(pod, defaults)).length > 1,
  score(pod, node) {
    const soft = softOf(constraintsOf(pod, defaults));
    const present = soft.filter(({ topologyKey }) => labelOf(node, topologyKey) !== undefined).length;
    return present === soft.length ? 0 : (-maxScore * present) / soft.length;
  },
});

interface Counted {
  readonly id: string;
  readonly counts: DomainCounts;
}

/** `DoNotSchedule`: no domain gets more than `maxSkew` pods ahead of the emptiest. */
function hardRule(constraint: SpreadConstraint, pod: PodClass, { id, counts }: Counted): DomainRule {
  const { topologyKey, maxSkew, minDomains } = constraint;
  const self = selects(constraint, pod.namespace, pod) ? 1 : 0;
  const missing = unlabelled(topologyKey);
  const limit = (): number => maxSkew - self + (counts.domainCount < minDomains ? 0 : counts.least);
  return {
    id: `hard ${maxSkew} ${minDomains} ${id}`,
    topologyKey,
    counters: [counts],
    isHard: true,
    reject: (domain) => {
      if (domain === noDomain) return missing;
      return counts.count(domain) > limit() ? unequal : undefined;
    },
    score: () => 0,
    threshold: { affects: 'limit', value: limit },
  };
}

/** `ScheduleAnyway`: the fewer matching pods a domain has, the better; a greater `maxSkew` cares less. */
const softRule = (
  { topologyKey, maxSkew }: SpreadConstraint,
  constraints: number,
  { id, counts }: Counted,
): DomainRule => ({
  id: `soft ${maxSkew} ${constraints} ${id}`,
  topologyKey,
  counters: [counts],
  isHard: false,
  reject: () => undefined,
  // A node outside the topology gets nothing.
  score: (domain) =>
    domain === noDomain ? 0 : maxScore / (1 + counts.count(domain) / maxSkew) / constraints,
});

function countsOf(
  constraint: SpreadConstraint,
  together: readonly SpreadConstraint[],
  pod: PodClass,
  counters: CounterSource,
): Counted {
  const { topologyKey, selector, owner, honoursNodeAffinity, honoursTaints } = constraint;
  const keys = [...new Set(together.map((each) => each.topologyKey))].sort();
  const id = JSON.stringify([
    ...['spread', topologyKey, pod.namespace, selector, owner, keys],
    honoursNodeAffinity ? [pod.nodeSelector, pod.requiredNodes] : 'all',
    honoursTaints ? pod.tolerations : 'all',
  ]);
  const counts = counters.counter({
    ...{ id, topologyKey, liveOnly: true },
    counts: (other) => selects(constraint, pod.namespace, other),
    isEligible: (node) => isEligible(node, constraint, keys, pod),
  });
  return { id, counts };
}

const selects = ({ selector, owner }: SpreadConstraint, namespace: string, other: PodClass): boolean =>
  other.namespace === namespace &&
  (owner === undefined
    ? selector !== undefined && matchesSelector(selector, other.labels)
    : other.owner === owner);

/** Nodes that lack another constraint's key are in no domain of any, as in Kubernetes. */
const isEligible = (
  node: NodeFacts,
  constraint: SpreadConstraint,
  keys: readonly string[],
  pod: PodClass,
): boolean =>
  keys.every((key) => labelOf(node, key) !== undefined) &&
  (!constraint.honoursNodeAffinity || admitsNode(pod, node)) &&
  (!constraint.honoursTaints || findUntoleratedTaint(node.taints, pod.tolerations) === undefined);
