import type { ReadCache } from '../watch-cache/read-cache.ts';
import { AuthorizerChain } from './authorizer-chain.ts';
import { NodeAuthorizer } from './node/node-authorizer.ts';
import { NodeReferences } from './node/node-references.ts';
import { EscalationCheck } from './rbac/escalation-check.ts';
import { GrantIndex } from './rbac/grant-index.ts';
import { RbacAuthorizer } from './rbac/rbac-authorizer.ts';

export interface Authorization {
  readonly authorizer: AuthorizerChain;
  /** Comes last of what admission may change. */
  readonly escalation: EscalationCheck;
}

/** All that decides who may do what, over one cache. */
export function createAuthorization(cache: ReadCache): Authorization {
  const rbac = new RbacAuthorizer(new GrantIndex(cache));
  const authorizer = new AuthorizerChain({ rbac, nodes: new NodeAuthorizer(new NodeReferences(cache)) });
  return { authorizer, escalation: new EscalationCheck({ rbac, authorizer, cache }) };
}
