import { matchesNodeSelectorTerm, type SelectableNode } from './node-affinity-term.ts';
import type { UnboundClaim } from './volume-needs.ts';

/** For each claim, in their order: the name of the volume that it takes on this node, or that one is made for it. */
export type VolumeChoice = readonly ({ readonly volume: string } | 'made')[];

/** As Kubernetes chooses: claim after claim, the first volume that no other claim has. Undefined: not on this node. */
export function chooseVolumes(
  claims: readonly UnboundClaim[],
  node: SelectableNode,
): VolumeChoice | undefined {
  const taken = new Set<string>();
  const choice: ({ readonly volume: string } | 'made')[] = [];
  for (const { volumes, provisioned, selectedNode } of claims) {
    if (selectedNode !== undefined && selectedNode !== node.name) return undefined;
    const found = volumes.find(({ name, terms }) => !taken.has(name) && isWithin(terms, node));
    if (found !== undefined && selectedNode === undefined) {
      taken.add(found.name);
      choice.push({ volume: found.name });
    } else if (provisioned !== undefined && isWithin(provisioned, node)) choice.push('made');
    else return undefined;
  }
  return choice;
}

const isWithin = (terms: UnboundClaim['provisioned'] & object, node: SelectableNode): boolean =>
  terms.length === 0 || terms.some((term) => matchesNodeSelectorTerm(term, node));
