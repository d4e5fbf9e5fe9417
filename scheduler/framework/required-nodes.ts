import { labelOf, matchesNodeSelectorTerm, type SelectableNode } from './node-affinity-term.ts';
import type { PodClass } from './pod-class.ts';

/** Of a pod whose every required term names nodes: those that some term names, in all its fields. Else undefined. */
export function namedNodesOf(requiredNodes: PodClass['requiredNodes']): ReadonlySet<string> | undefined {
  if (requiredNodes === undefined || requiredNodes.nodeSelectorTerms.length === 0) return undefined;
  const all = new Set<string>();
  for (const { matchFields = [] } of requiredNodes.nodeSelectorTerms) {
    const [first, ...others] = matchFields.filter(
      ({ key, operator }) => key === 'metadata.name' && operator === 'In',
    );
    if (first === undefined) return undefined;
    for (const name of first.values ?? [])
      if (others.every(({ values = [] }) => values.includes(name))) all.add(name);
  }
  return all;
}

/** Whether the pod's node selector and required node affinity, both, admit the node. */
export function admitsNode(
  pod: Pick<PodClass, 'nodeSelector' | 'requiredNodes'>,
  node: SelectableNode,
): boolean {
  for (const key in pod.nodeSelector) if (labelOf(node, key) !== pod.nodeSelector[key]) return false;
  if (pod.requiredNodes === undefined) return true;
  return pod.requiredNodes.nodeSelectorTerms.some((term) => matchesNodeSelectorTerm(term, node));
}
