import type { UserInfo } from '../registry/strategy.ts';

/** What somebody may do with resources. @see authorization.k8s.io/v1 ResourceRule */
export interface ResourceRule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** @see authorization.k8s.io/v1 NonResourceRule */
export interface PathRule {
  readonly verbs: readonly string[];
  readonly nonResourceURLs: readonly string[];
}

export interface SubjectRules {
  readonly resourceRules: readonly ResourceRule[];
  readonly nonResourceRules: readonly PathRule[];
  /** There is more that the user may do than rules can say. */
  readonly incomplete: boolean;
  /** Why it is incomplete. */
  readonly evaluationError?: string;
}

/** Lists what a user may do in a namespace; for showing, never for deciding. */
export interface RuleResolver {
  rulesFor(user: UserInfo, namespace: string): SubjectRules;
}
