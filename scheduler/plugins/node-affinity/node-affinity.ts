import { matchesNodeSelectorTerm } from '../../framework/node-affinity-term.ts';
import { maxScore, type NodeFilter, type NodeScore } from '../../framework/plugin.ts';
import { admitsNode } from '../../framework/required-nodes.ts';

export const nodeAffinity: NodeFilter = {
  name: 'NodeAffinity',
  filter(pod, node) {
    if (admitsNode(pod, node)) return undefined;
    return { reasons: ["node(s) didn't match Pod's node affinity/selector"], isFinal: true };
  },
};

/** The share, by weight, of the pod's preferred terms that the node satisfies. */
export const nodeAffinityScore: NodeScore = {
  name: 'NodeAffinity',
  weight: 2,
  score(pod, node) {
    let matched = 0;
    let total = 0;
    for (const { preference, weight } of pod.preferredNodes) {
      total += weight;
      if (matchesNodeSelectorTerm(preference, node)) matched += weight;
    }
    return total === 0 ? 0 : (maxScore * matched) / total;
  },
};
