import type { BootstrapObject } from '../../bootstrap-objects.ts';
import { type Rule, rbacGroup } from '../rbac/policy-rule.ts';

/** A role or a binding that every cluster has. */
export interface NamedRules {
  readonly name: string;
  readonly rules: readonly Rule[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Label of the roles that are gathered into this one. */
  readonly gathers?: string;
}

export interface NamedSubject {
  readonly kind: 'User' | 'Group' | 'ServiceAccount';
  readonly name: string;
  readonly namespace?: string;
}

export const read = 'get list watch';
export const write = 'create update patch delete deletecollection';

const words = (text: string): string[] => text.split(' ').sort();

/** Groups, resources, verbs and names are words; `core` is the group without a name. */
export function on(groups: string, resources: string, verbs: string, names?: string): Rule {
  return {
    verbs: words(verbs),
    apiGroups: words(groups).map((group) => (group === 'core' ? '' : group)),
    resources: words(resources),
    ...(names === undefined ? {} : { resourceNames: words(names) }),
  };
}

export function paths(urls: string, verbs = 'get'): Rule {
  return { verbs: words(verbs), nonResourceURLs: words(urls) };
}

export const events: Rule = on('core events.k8s.io', 'events', 'create update patch');

const metadata = (
  name: string,
  labels: Readonly<Record<string, string>> = {},
  namespace?: string,
): BootstrapObject['metadata'] => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
  annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
  labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...labels },
});

const apiVersion = `${rbacGroup}/v1`;

export function clusterRole({ name, rules, labels, gathers }: NamedRules): BootstrapObject {
  const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { [gathers ?? '']: 'true' } }] };
  return {
    ...{ apiVersion, kind: 'ClusterRole', metadata: metadata(name, labels), rules },
    ...(gathers === undefined ? {} : { aggregationRule }),
  };
}

export function clusterRoleBinding(
  name: string,
  subjects: readonly NamedSubject[],
  role: string = name,
): BootstrapObject {
  const roleRef = { apiGroup: rbacGroup, kind: 'ClusterRole', name: role };
  return {
    ...{ apiVersion, kind: 'ClusterRoleBinding', metadata: metadata(name), roleRef },
    subjects: subjects.map(toSubject),
  };
}

export function namespaceRole(namespace: string, { name, rules }: NamedRules): BootstrapObject {
  return { apiVersion, kind: 'Role', metadata: metadata(name, {}, namespace), rules };
}

export function namespaceRoleBinding(
  namespace: string,
  name: string,
  subjects: readonly NamedSubject[],
  role: string = name,
): BootstrapObject {
  const roleRef = { apiGroup: rbacGroup, kind: 'Role', name: role };
  return {
    ...{ apiVersion, kind: 'RoleBinding', metadata: metadata(name, {}, namespace), roleRef },
    subjects: subjects.map(toSubject),
  };
}

const toSubject = (subject: NamedSubject): object =>
  subject.kind === 'ServiceAccount' ? subject : { ...subject, apiGroup: rbacGroup };

export const user = (name: string): NamedSubject => ({ kind: 'User', name });
export const group = (name: string): NamedSubject => ({ kind: 'Group', name });
export const systemAccount = (name: string): NamedSubject => ({
  ...{ kind: 'ServiceAccount', name },
  namespace: 'kube-system',
});
