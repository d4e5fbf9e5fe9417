import { mastersGroup } from '../authentication/authenticator.ts';
import type { UserInfo } from '../registry/strategy.ts';
import { type Attributes, type Authorizer, type Decision, noOpinion } from './authorizer.ts';
import type { NodeAuthorizer } from './node/node-authorizer.ts';
import { nodeNameOf } from './node/node-identity.ts';
import type { RbacAuthorizer } from './rbac/rbac-authorizer.ts';
import type { RuleResolver, SubjectRules } from './subject-rules.ts';

const allowed: Decision = { allowed: true, reason: '' };
const noRules = 'node authorizer does not support user rule resolution';

/** Kubernetes' order: masters may do everything; then the Node authorizer; then RBAC. What nobody allows is denied. */
export class AuthorizerChain implements Authorizer, RuleResolver {
  readonly #nodes: NodeAuthorizer;
  readonly #rbac: RbacAuthorizer;

  constructor(options: { readonly nodes: NodeAuthorizer; readonly rbac: RbacAuthorizer }) {
    this.#nodes = options.nodes;
    this.#rbac = options.rbac;
  }

  authorize(attributes: Attributes): Decision {
    const { user } = attributes;
    if (user.groups.includes(mastersGroup)) return allowed;
    const nodeName = nodeNameOf(user);
    const byNode = nodeName === undefined ? noOpinion : this.#nodes.authorize(attributes, nodeName);
    if (byNode.allowed) return byNode;
    const byRole = this.#rbac.authorize(attributes);
    if (byRole.allowed || byNode.reason === '') return byRole;
    return {
      allowed: false,
      reason: [byNode.reason, byRole.reason].filter((text) => text !== '').join('\n'),
    };
  }

  rulesFor(user: UserInfo, namespace: string): SubjectRules {
    const rules = this.#rbac.rulesFor(user, namespace);
    if (nodeNameOf(user) === undefined) return rules;
    const { evaluationError } = rules;
    return {
      ...rules,
      incomplete: true,
      evaluationError: evaluationError === undefined ? noRules : `[${noRules}, ${evaluationError}]`,
    };
  }
}
