import { anonymous, authenticatedGroup, mastersGroup } from '../authentication/authenticator.ts';
import type { UserInfo } from '../registry/strategy.ts';
import type { Attributes, Authorizer, Decision } from './authorizer.ts';
import type { NodeAuthorizer } from './node-authorizer.ts';
import {
  componentPathRules,
  discoveryRule,
  type NonResourceRule,
  publicRule,
  type Rule,
  selfReviewRules,
  userRules,
} from './rules.ts';
import type { RuleResolver, SubjectRules } from './subject-rules.ts';

const nodesGroup = 'system:nodes';
const nodeNamePrefix = 'system:node:';
const allow: Decision = { allowed: true, reason: '' };

const everything: SubjectRules = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
  incomplete: false,
};

/** A fixed table: masters may do everything, the parts of the cluster what they need, everybody else nothing. */
export class TableAuthorizer implements Authorizer, RuleResolver {
  readonly #nodes: NodeAuthorizer;

  constructor(nodes: NodeAuthorizer) {
    this.#nodes = nodes;
  }

  authorize(attributes: Attributes): Decision {
    const { user } = attributes;
    if (user.groups.includes(mastersGroup)) return allow;
    if (!attributes.isResource) return this.#authorizePath(attributes);
    const rules = Object.hasOwn(userRules, user.name) ? userRules[user.name] : undefined;
    if (rules?.some((rule) => matchesRule(rule, attributes)) === true) return allow;
    if (user.name === anonymous.name) return { allowed: false, reason: '' };
    const isKnown = user.groups.includes(authenticatedGroup);
    if (isKnown && selfReviewRules.some((rule) => matchesRule(rule, attributes))) return allow;
    if (user.groups.includes(nodesGroup) && user.name.startsWith(nodeNamePrefix))
      return this.#nodes.authorize(attributes, user.name.slice(nodeNamePrefix.length));
    return { allowed: false, reason: '' };
  }

  rulesFor(user: UserInfo, namespace: string): SubjectRules {
    if (user.groups.includes(mastersGroup)) return everything;
    const isKnown = user.groups.includes(authenticatedGroup);
    const own = Object.hasOwn(userRules, user.name) ? (userRules[user.name] ?? []) : [];
    const rules = [...(isKnown ? selfReviewRules : []), ...own];
    return {
      resourceRules: rules
        .filter((rule) => rule.namespaces === undefined || rule.namespaces.includes(namespace))
        .map(({ verbs, groups, resources }) => ({ verbs, apiGroups: groups, resources })),
      nonResourceRules: pathRulesOf(user).map(({ verbs, paths: nonResourceURLs }) => ({
        verbs,
        nonResourceURLs,
      })),
      // What a node may do depends on the pods that it has.
      incomplete: user.groups.includes(nodesGroup),
    };
  }

  #authorizePath(attributes: Attributes): Decision {
    const rules = pathRulesOf(attributes.user);
    if (Object.hasOwn(userRules, attributes.user.name)) rules.push(...componentPathRules);
    const allowed = rules.some((rule) => matchesPath(rule, attributes));
    return allowed ? allow : { allowed: false, reason: '' };
  }
}

/** By group, as in Kubernetes: a review may ask about a user who is in none. */
function pathRulesOf({ groups }: UserInfo): NonResourceRule[] {
  if (groups.includes(authenticatedGroup)) return [discoveryRule, publicRule];
  return anonymous.groups.some((group) => groups.includes(group)) ? [publicRule] : [];
}

export function matchesRule(rule: Rule, attributes: Attributes): boolean {
  const { resource, subresource } = attributes;
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  return (
    has(rule.verbs, attributes.verb) &&
    has(rule.groups, attributes.group) &&
    has(rule.resources, what) &&
    (rule.namespaces === undefined || rule.namespaces.includes(attributes.namespace))
  );
}

function matchesPath(rule: NonResourceRule, attributes: Attributes): boolean {
  return (
    has(rule.verbs, attributes.verb) &&
    rule.paths.some((path) =>
      path.endsWith('*') ? attributes.path.startsWith(path.slice(0, -1)) : path === attributes.path,
    )
  );
}

const has = (list: readonly string[], value: string): boolean => list.includes('*') || list.includes(value);
