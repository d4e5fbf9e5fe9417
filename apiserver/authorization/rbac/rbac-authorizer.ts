import type { UserInfo } from '../../registry/strategy.ts';
import { type Attributes, type Authorizer, type Decision, noOpinion } from '../authorizer.ts';
import type { RuleResolver, SubjectRules } from '../subject-rules.ts';
import type { CompiledRules } from './compiled-rules.ts';
import { type Grant, type GrantIndex, roleKeyOf } from './grant-index.ts';
import type { Rule } from './policy-rule.ts';

/** Allows what a role that is bound to the user, or to one of the user's groups, allows. */
export class RbacAuthorizer implements Authorizer, RuleResolver {
  readonly #index: GrantIndex;

  constructor(index: GrantIndex) {
    this.#index = index;
  }

  authorize(attributes: Attributes): Decision {
    const missing: string[] = [];
    let allowing: Grant | undefined;
    this.#index.visit(attributes.user, attributes.namespace, (grant) => {
      const rules = this.#index.rulesOf(grant.roleKey);
      if (rules === undefined) missing.push(missingRole(grant));
      else if (rules.allows(attributes)) allowing = grant;
      return allowing !== undefined;
    });
    if (allowing !== undefined) return new Granted(allowing);
    return missing.length === 0 ? noOpinion : { allowed: false, reason: `RBAC: ${joined(missing)}` };
  }

  /** All rules that the user holds there. */
  heldBy(user: UserInfo, namespace: string): { readonly rules: readonly Rule[]; readonly problem: string } {
    const rules: Rule[] = [];
    const missing: string[] = [];
    this.#index.visit(user, namespace, (grant) => {
      const held = this.#index.rulesOf(grant.roleKey);
      if (held === undefined) missing.push(missingRole(grant));
      else rules.push(...held.rules);
      return false;
    });
    return { rules, problem: missing.length === 0 ? '' : joined(missing) };
  }

  /** What a binding in `namespace` to that role gives; undefined when there is no such role. */
  rulesOfRole(
    roleRef: { readonly kind: string; readonly name: string },
    namespace: string,
  ): CompiledRules | undefined {
    return this.#index.rulesOf(roleKeyOf(roleRef, namespace));
  }

  rulesFor(user: UserInfo, namespace: string): SubjectRules {
    const { rules, problem } = this.heldBy(user, namespace);
    const resourceRules = rules.filter(({ resources }) => resources !== undefined && resources.length > 0);
    const pathRules = rules.filter(
      ({ nonResourceURLs }) => nonResourceURLs !== undefined && nonResourceURLs.length > 0,
    );
    return {
      resourceRules: resourceRules.map(({ verbs, apiGroups = [], resources = [], resourceNames }) => ({
        verbs,
        apiGroups,
        resources,
        ...(resourceNames === undefined ? {} : { resourceNames }),
      })),
      nonResourceRules: pathRules.map(({ verbs, nonResourceURLs = [] }) => ({ verbs, nonResourceURLs })),
      incomplete: problem !== '',
      ...(problem === '' ? {} : { evaluationError: problem }),
    };
  }
}

/** Most requests never ask why they are allowed: the sentence is made when it is read. */
class Granted implements Decision {
  readonly allowed = true;
  readonly #grant: Grant;

  constructor(grant: Grant) {
    this.#grant = grant;
  }

  get reason(): string {
    return `RBAC: allowed by ${describeGrant(this.#grant)}`;
  }
}

const joined = (problems: readonly string[]): string =>
  problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]`;

const missingRole = ({ binding: { roleRef } }: Grant): string =>
  `${roleRef.kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(roleRef.name)} not found`;

/** `RoleBinding "b/ns" of Role "r" to User "jane"`. */
function describeGrant({ binding, subject }: Grant): string {
  const { kind, namespace, roleRef } = binding;
  const name = namespace === '' ? binding.name : `${binding.name}/${namespace}`;
  const home = subject.namespace ?? namespace;
  const who = subject.kind === 'ServiceAccount' ? `${subject.name}/${home}` : subject.name;
  return `${kind} ${JSON.stringify(name)} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${subject.kind} ${JSON.stringify(who)}`;
}
