import type { NodeSelectorTerm } from '../../../api/generated/core-v1.ts';
import { labelOf, matchesNodeSelectorTerm } from '../../framework/node-affinity-term.ts';
import type { NodeInfo } from '../../framework/node-info.ts';
import { maxScore, type NodeFilter, type NodeScore } from '../../framework/plugin.ts';
import type { PodClass } from '../../framework/pod-class.ts';
import { admitsNode } from '../../framework/required-nodes.ts';

export const nodeAffinity: NodeFilter = {
  name: 'NodeAffinity',
  isStanding: true,
  concerns: ({ nodeSelector, requiredNodes }) =>
    requiredNodes !== undefined || Object.keys(nodeSelector).length > 0,
  admits: admitsNode,
  reject: (pod, node) => ({
    reasons: ["node(s) didn't match Pod's node affinity/selector"],
    isFinal: true,
    change: missingLabels(pod, node),
  }),
};

/**
 * A pod whose every required term names nodes, as a DaemonSet's does: the others are not even looked at. Asked before
 * every other filter.
 */
export const namedNodes: NodeFilter = {
  name: 'NodeAffinity',
  isStanding: true,
  concerns: ({ namedNodes: names }) => names !== undefined,
  admits: ({ namedNodes: names }, { name }) => names === undefined || names.has(name),
  reject: (pod, node) => ({
    reasons: ["node(s) didn't satisfy plugin(s) [NodeAffinity]"],
    isFinal: true,
    change: missingLabels(pod, node),
  }),
};

function missingLabels({ nodeSelector, requiredNodes }: PodClass, node: NodeInfo): string {
  const missing = Object.entries(nodeSelector)
    .filter(([key, value]) => labelOf(node, key) !== value)
    .map(([key, value]) => `label ${key}=${value} on the node`);
  if (missing.length > 0) return missing.join(', ');
  const keys = (requiredNodes?.nodeSelectorTerms ?? []).flatMap((term) =>
    [...(term.matchExpressions ?? []), ...(term.matchFields ?? [])].map(
      ({ key, operator, values }) => `${key} ${operator} ${(values ?? []).join(',')}`,
    ),
  );
  return `the node would have to match ${keys.join(' or ')}`;
}

/** The share, by weight, of the pod's preferred terms that the node satisfies. */
export const nodeAffinityScore: NodeScore = {
  name: 'NodeAffinity',
  isStanding: true,
  weight: 2,
  concerns: ({ preferredNodes }) => preferredNodes.length > 0,
  score: (pod, node) => shareMatched(pod.preferredNodes, node),
};

/** What a profile asks of nodes beside the pod itself. */
export interface AddedAffinity {
  readonly required: readonly NodeSelectorTerm[] | undefined;
  readonly preferred: PodClass['preferredNodes'];
}

export const enforcedAffinity = ({ required }: AddedAffinity): NodeFilter => ({
  name: 'NodeAffinity',
  isStanding: true,
  concerns: () => required !== undefined,
  admits: (_, node) => required?.some((term) => matchesNodeSelectorTerm(term, node)) !== false,
  reject: () => ({
    reasons: ["node(s) didn't match scheduler-enforced node affinity"],
    isFinal: true,
    change: "labels on the node that the profile's addedAffinity asks for",
  }),
});

/** The profile's terms count like the pod's own. */
export const nodeAffinityScoreWith = ({ preferred }: AddedAffinity): NodeScore => ({
  ...nodeAffinityScore,
  concerns: ({ preferredNodes }) => preferredNodes.length + preferred.length > 0,
  score: (pod, node) => shareMatched([...preferred, ...pod.preferredNodes], node),
});

function shareMatched(terms: PodClass['preferredNodes'], node: NodeInfo): number {
  let matched = 0;
  let total = 0;
  for (const { preference, weight } of terms) {
    total += weight;
    if (matchesNodeSelectorTerm(preference, node)) matched += weight;
  }
  return total === 0 ? 0 : (maxScore * matched) / total;
}
