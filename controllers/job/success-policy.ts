import type { Job, SuccessPolicyRule } from '../../api/generated/batch-v1.ts';
import { IndexSet } from './index-set.ts';

/** @returns why the Job has succeeded although not all indexes have; undefined when it has not */
export function matchSuccessPolicy({ spec }: Job, succeeded: IndexSet): string | undefined {
  const completions = spec.completions ?? 0;
  const index = (spec.successPolicy?.rules ?? []).findIndex((rule) => isMet(rule, succeeded, completions));
  return index === -1 ? undefined : `Matched rules at index ${index}`;
}

function isMet(rule: SuccessPolicyRule, succeeded: IndexSet, completions: number): boolean {
  const { succeededIndexes, succeededCount } = rule;
  if (succeededIndexes === undefined) return succeeded.size >= (succeededCount ?? Number.POSITIVE_INFINITY);
  const wanted = IndexSet.parse(succeededIndexes, completions);
  return succeeded.overlap(wanted) >= (succeededCount ?? wanted.size);
}
