import type { Node, NodeSelectorRequirement, PodSpec } from '../api/generated/core-v1.ts';
import { matchesRequirement, type Requirement } from '../api/selector.ts';

const operators: Readonly<Record<string, Requirement['operator']>> = {
  ...{ In: 'in', NotIn: 'notIn', Exists: 'exists', DoesNotExist: 'absent', Gt: 'gt', Lt: 'lt' },
};

/** Whether a pod's node selector and required node affinity let it onto the node. */
export function fitsNodeAffinity(spec: PodSpec, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  const exact = Object.entries(spec.nodeSelector ?? {});
  if (!exact.every(([key, value]) => labels[key] === value)) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required === undefined) return true;
  return required.nodeSelectorTerms.some(({ matchExpressions = [], matchFields = [] }) => {
    // A term without requirements selects nothing.
    if (matchExpressions.length + matchFields.length === 0) return false;
    return (
      matchExpressions.every((one) => holds(one, labels[one.key])) &&
      matchFields.every((one) => one.key === 'metadata.name' && holds(one, node.metadata.name))
    );
  });
}

function holds({ key, operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  const known = operators[operator];
  return known !== undefined && matchesRequirement({ key, operator: known, values }, value);
}
