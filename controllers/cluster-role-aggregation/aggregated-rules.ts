import { isDeepStrictEqual } from 'node:util';
import type { ClusterRole, PolicyRule } from '../../api/generated/rbac-v1.ts';
import { fromLabelSelector, matchesSelector } from '../../api/selector.ts';

/** The rules of all roles that `role` gathers, in the order of their names, each once; undefined when it gathers none by rule. */
export function aggregatedRules(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] | undefined {
  const selectors = role.aggregationRule?.clusterRoleSelectors?.map(fromLabelSelector);
  if (selectors === undefined) return undefined;
  const others = all
    .filter(({ metadata }) => metadata.name !== role.metadata.name)
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const rules: PolicyRule[] = [];
  for (const selector of selectors)
    for (const { metadata, rules: given = [] } of others) {
      if (selector === undefined || !matchesSelector(selector, metadata.labels)) continue;
      for (const rule of given) if (!rules.some((known) => isDeepStrictEqual(known, rule))) rules.push(rule);
    }
  return rules;
}
