import type { Pod, PodAffinityTerm } from '../../api/generated/core-v1.ts';
import type { LabelSelector, LabelSelectorRequirement } from '../../api/generated/meta-v1.ts';

type Labels = Readonly<Record<string, string>>;

/**
 * Mutates a new pod: the values that its own labels have for `matchLabelKeys` and `mismatchLabelKeys` become
 * requirements of the same term's labelSelector. A key that the pod has no label for adds nothing, and a term without a
 * selector selects nothing and stays so. Templates keep their keys unmerged: each pod of theirs brings its own values.
 * @see KEP-3633, KEP-3243
 */
export function mergeLabelKeys({ metadata, spec }: Pod): void {
  const labels = metadata.labels ?? {};
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  for (const terms of [podAffinity, podAntiAffinity]) {
    for (const { podAffinityTerm } of terms?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
      mergeKeysOfTerm(podAffinityTerm, labels);
    for (const term of terms?.requiredDuringSchedulingIgnoredDuringExecution ?? [])
      mergeKeysOfTerm(term, labels);
  }
  for (const { labelSelector, matchLabelKeys } of spec.topologySpreadConstraints ?? [])
    addRequirements(labelSelector, ownValues('In', matchLabelKeys, labels));
}

function mergeKeysOfTerm(term: PodAffinityTerm, labels: Labels): void {
  addRequirements(term.labelSelector, [
    ...ownValues('In', term.matchLabelKeys, labels),
    ...ownValues('NotIn', term.mismatchLabelKeys, labels),
  ]);
}

function ownValues(
  operator: 'In' | 'NotIn',
  keys: readonly string[] = [],
  labels: Labels,
): LabelSelectorRequirement[] {
  return keys.flatMap((key) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    return value === undefined ? [] : [{ key, operator, values: [value] }];
  });
}

function addRequirements(
  selector: LabelSelector | undefined,
  added: readonly LabelSelectorRequirement[],
): void {
  if (selector === undefined || added.length === 0) return;
  selector.matchExpressions = [...(selector.matchExpressions ?? []), ...added];
}
