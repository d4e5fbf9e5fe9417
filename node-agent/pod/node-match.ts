import type { Node, NodeSelectorRequirement, Pod } from '../../api/generated/core-v1.ts';
import { matchesRequirement, type Requirement } from '../../api/selector.ts';

const operators: Readonly<Record<string, Requirement['operator']>> = {
  ...{ In: 'in', NotIn: 'notIn', Exists: 'exists', DoesNotExist: 'absent', Gt: 'gt', Lt: 'lt' },
};

/** Whether the pod's node selector and its required node affinity let it onto this node. */
export function matchesNode({ spec }: Pod, { metadata }: Pick<Node, 'metadata'>): boolean {
  const labels = metadata.labels ?? {};
  if (!Object.entries(spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return (
    required === undefined ||
    required.nodeSelectorTerms.some(
      ({ matchExpressions = [], matchFields = [] }) =>
        // A term without requirements selects nothing.
        matchExpressions.length + matchFields.length > 0 &&
        matchExpressions.every((one) => holds(one, labels[one.key])) &&
        matchFields.every((one) => one.key === 'metadata.name' && holds(one, metadata.name)),
    )
  );
}

function holds({ key, operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  const known = operators[operator];
  return known !== undefined && matchesRequirement({ key, operator: known, values }, value);
}
