import type { PolicyRule } from '../../../api/generated/rbac-v1.ts';
import type { Attributes } from '../authorizer.ts';

export const rbacGroup = 'rbac.authorization.k8s.io';

/** A rule as stored: every list that is there must match; `*` matches all. */
export type Rule = Readonly<{ [Field in keyof PolicyRule]: PolicyRule[Field] }>;

const none: readonly string[] = [];
const any = '*';

const has = (list: readonly string[] | undefined, value: string): boolean =>
  list?.includes(value) === true || list?.includes(any) === true;

/** @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/ */
export function ruleAllows(rule: Rule, attributes: Attributes): boolean {
  if (!has(rule.verbs, attributes.verb)) return false;
  if (!attributes.isResource) return matchesPath(rule.nonResourceURLs, attributes.path);
  return (
    has(rule.apiGroups, attributes.group) &&
    matchesResource(rule.resources, attributes) &&
    matchesName(rule.resourceNames, attributes.name)
  );
}

/** `pods`, `pods/log`, `*` (subresources included), `*` + `/scale` (of every resource). */
function matchesResource(
  list: readonly string[] | undefined,
  { resource, subresource }: Pick<Attributes, 'resource' | 'subresource'>,
): boolean {
  if (list === undefined) return false;
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  return list.some(
    (entry) => entry === any || entry === what || (subresource !== '' && entry === `*/${subresource}`),
  );
}

/** Names narrow a rule; a request that names nothing (a create, a list) does not match one that is narrowed. */
function matchesName(list: readonly string[] | undefined, name: string): boolean {
  return list === undefined || list.length === 0 || list.includes(name);
}

/** A trailing `*` matches everything behind. */
function matchesPath(list: readonly string[] | undefined, path: string): boolean {
  return list?.some((entry) => entry === any || entry === path || isUnder(entry, path)) === true;
}

const isUnder = (entry: string, path: string): boolean =>
  entry.endsWith(any) && path.startsWith(entry.slice(0, -1));

/** The rights in `wanted` that `held` does not give, one verb on one thing each. */
export function missingRules(held: readonly Rule[], wanted: readonly Rule[]): Rule[] {
  return wanted.flatMap(singleRights).filter((right) => !held.some((rule) => covers(rule, right)));
}

/** How many single rights there are in the rules. */
export function countRights(rules: readonly Rule[]): number {
  const lengthOf = (list: readonly string[] | undefined): number => list?.length ?? 0;
  return rules.reduce((sum, { verbs, apiGroups, resources, resourceNames, nonResourceURLs }) => {
    const things = lengthOf(apiGroups) * lengthOf(resources) * Math.max(1, lengthOf(resourceNames));
    return sum + verbs.length * (things + lengthOf(nonResourceURLs));
  }, 0);
}

/** Taken apart into rules of one verb, one group, one resource or path, and at most one name. */
function singleRights(rule: Rule): Rule[] {
  const { apiGroups = none, resources = none, resourceNames = none, nonResourceURLs = none } = rule;
  const rights: Rule[] = [];
  for (const verb of rule.verbs) {
    const verbs = [verb];
    for (const group of apiGroups)
      for (const resource of resources) {
        const right = { verbs, apiGroups: [group], resources: [resource] };
        if (resourceNames.length === 0) rights.push(right);
        for (const name of resourceNames) rights.push({ ...right, resourceNames: [name] });
      }
    for (const path of nonResourceURLs) rights.push({ verbs, nonResourceURLs: [path] });
  }
  return rights;
}

function covers(held: Rule, right: Rule): boolean {
  const [verb = ''] = right.verbs;
  if (!has(held.verbs, verb)) return false;
  const [path] = right.nonResourceURLs ?? none;
  if (path !== undefined) return matchesPath(held.nonResourceURLs, path);
  const [group = ''] = right.apiGroups ?? none;
  const [resource = ''] = right.resources ?? none;
  const [name] = right.resourceNames ?? none;
  const names = held.resourceNames ?? none;
  const nameCovered = names.length === 0 || (name !== undefined && names.includes(name));
  return has(held.apiGroups, group) && coversResource(held.resources ?? none, resource) && nameCovered;
}

function coversResource(list: readonly string[], resource: string): boolean {
  const slash = resource.indexOf('/');
  return has(list, resource) || (slash >= 0 && list.includes(`*${resource.slice(slash)}`));
}

/** Rules on the same things become one rule with all their verbs. */
export function compactRules(rules: readonly Rule[]): Rule[] {
  const byThing = new Map<string, Rule>();
  for (const rule of rules) {
    const { verbs, ...thing } = rule;
    const key = JSON.stringify([
      ...[thing.apiGroups, thing.resources, thing.resourceNames],
      // Kubernetes tells paths one by one.
      ...(thing.nonResourceURLs === undefined ? [] : [thing.nonResourceURLs, verbs]),
    ]);
    const before = byThing.get(key)?.verbs ?? none;
    byThing.set(key, { ...thing, verbs: [...new Set([...before, ...verbs])] });
  }
  return [...byThing.values()];
}

/** As Go prints it: `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`. */
export function describeRule(rule: Rule): string {
  const parts: readonly (readonly [string, readonly string[] | undefined])[] = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ];
  const shown = parts
    .filter(([, list]) => list !== undefined && list.length > 0)
    .map(([name, list]) => `${name}:${quotedList(list ?? none)}`);
  return `{${shown.join(', ')}}`;
}

/** Go's `%q` of a list of texts. */
export function quotedList(list: readonly string[]): string {
  return `[${list.map((text) => JSON.stringify(text)).join(' ')}]`;
}
