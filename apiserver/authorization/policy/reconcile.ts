import { isDeepStrictEqual } from 'node:util';
import type { LabelSelector, ObjectMeta } from '../../../api/generated/meta-v1.ts';
import type { PolicyRule, RoleRef, Subject } from '../../../api/generated/rbac-v1.ts';
import { missingRules } from '../rbac/policy-rule.ts';

/** A role or a binding of any scope, as far as it is compared. */
export interface PolicyObject {
  readonly metadata: Pick<ObjectMeta, 'labels' | 'annotations'>;
  readonly rules?: readonly PolicyRule[];
  readonly aggregationRule?: { readonly clusterRoleSelectors?: readonly LabelSelector[] };
  readonly roleRef?: RoleRef;
  readonly subjects?: readonly Subject[];
}

export type PolicyStep<T> =
  | { readonly step: 'keep' }
  | { readonly step: 'update'; readonly object: T }
  /** What a binding leads to cannot be changed. */
  | { readonly step: 'recreate' };

const autoUpdate = 'rbac.authorization.kubernetes.io/autoupdate';

/**
 * What has to be done to an object of the bootstrap policy: rights and subjects that are missing are added, what somebody has added is
 * left. One that is annotated `autoupdate: "false"` is left alone.
 */
export function planPolicyObject<T extends PolicyObject>(current: T, expected: PolicyObject): PolicyStep<T> {
  if (current.metadata.annotations?.[autoUpdate] === 'false') return { step: 'keep' };
  if (expected.roleRef !== undefined && !isDeepStrictEqual(expected.roleRef, current.roleRef))
    return { step: 'recreate' };
  const object: T = {
    ...current,
    metadata: {
      ...current.metadata,
      labels: { ...expected.metadata.labels, ...current.metadata.labels },
      annotations: { ...expected.metadata.annotations, ...current.metadata.annotations },
    },
    ...rulesOf(current, expected),
    ...subjectsOf(current, expected),
  };
  return isDeepStrictEqual(object, current) ? { step: 'keep' } : { step: 'update', object };
}

/** A role that is gathered from others has its rules from them. */
function rulesOf(current: PolicyObject, expected: PolicyObject): object {
  const wanted = expected.aggregationRule?.clusterRoleSelectors;
  if (wanted !== undefined) {
    const present = current.aggregationRule?.clusterRoleSelectors ?? [];
    const clusterRoleSelectors = [...present, ...absentFrom(present, wanted)];
    return { aggregationRule: { ...current.aggregationRule, clusterRoleSelectors } };
  }
  if (expected.rules === undefined) return {};
  const missing = missingRules(current.rules ?? [], expected.rules);
  return missing.length === 0 ? {} : { rules: [...(current.rules ?? []), ...missing] };
}

function subjectsOf(current: PolicyObject, expected: PolicyObject): object {
  const missing = absentFrom(current.subjects ?? [], expected.subjects ?? []);
  return missing.length === 0 ? {} : { subjects: [...(current.subjects ?? []), ...missing] };
}

const absentFrom = <V>(present: readonly V[], wanted: readonly V[]): V[] =>
  wanted.filter((item) => !present.some((other) => isDeepStrictEqual(other, item)));
