import { labelOf, matchesNodeSelectorTerm, type SelectableNode } from './node-affinity-term.ts';
import type { PodClass } from './pod-class.ts';

/** Whether the pod's node selector and required node affinity, both, admit the node. */
export function admitsNode(
  pod: Pick<PodClass, 'nodeSelector' | 'requiredNodes'>,
  node: SelectableNode,
): boolean {
  for (const key in pod.nodeSelector) if (labelOf(node, key) !== pod.nodeSelector[key]) return false;
  if (pod.requiredNodes === undefined) return true;
  return pod.requiredNodes.nodeSelectorTerms.some((term) => matchesNodeSelectorTerm(term, node));
}
