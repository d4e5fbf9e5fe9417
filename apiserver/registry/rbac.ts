import { isDeepStrictEqual } from 'node:util';
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  Subject,
} from '../../api/generated/rbac-v1.ts';
import { clusterrolebindings, clusterroles, rolebindings, roles } from '../../api/generated/resources.ts';
import { describe } from './column-descriptions.ts';
import { ageColumn, ageDescription, column, nameColumn, wide } from './columns.ts';
import { invalid, required, unsupported } from './field-error.ts';
import type { KindColumn, KindRules } from './kind-rules.ts';
import { isWrongSelector, validateLabelSelector } from './label-selector.ts';
import { dnsSubdomainProblems, pathSegmentName } from './names.ts';
import type { FieldError } from './strategy.ts';

const group = 'rbac.authorization.k8s.io';

function validateRules(rules: readonly PolicyRule[] | undefined, namespaced: boolean): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, rule] of (rules ?? []).entries()) {
    const path = `rules[${index}]`;
    if ((rule.verbs ?? []).length === 0)
      errors.push(required(`${path}.verbs`, 'verbs must contain at least one value'));
    const urls = rule.nonResourceURLs ?? [];
    if (urls.length > 0) {
      if (namespaced)
        errors.push(
          invalid(`${path}.nonResourceURLs`, urls, 'namespaced rules cannot apply to non-resource URLs'),
        );
      if (
        (rule.apiGroups ?? []).length + (rule.resources ?? []).length + (rule.resourceNames ?? []).length >
        0
      )
        errors.push(
          invalid(
            `${path}.nonResourceURLs`,
            urls,
            'rules cannot apply to both regular resources and non-resource URLs',
          ),
        );
      continue;
    }
    if ((rule.apiGroups ?? []).length === 0)
      errors.push(required(`${path}.apiGroups`, 'resource rules must supply at least one api group'));
    if ((rule.resources ?? []).length === 0)
      errors.push(required(`${path}.resources`, 'resource rules must supply at least one resource'));
  }
  return errors;
}

function setSubjectDefaults(binding: { subjects?: Subject[] | undefined; roleRef: RoleRef }): void {
  binding.roleRef.apiGroup ??= group;
  if (binding.roleRef.apiGroup === '') binding.roleRef.apiGroup = group;
  for (const subject of binding.subjects ?? [])
    if ((subject.apiGroup ?? '') === '' && subject.kind !== 'ServiceAccount') subject.apiGroup = group;
}

function validateBinding(
  { roleRef, subjects }: { readonly roleRef: RoleRef; readonly subjects?: readonly Subject[] | undefined },
  kinds: readonly string[],
  namespaced: boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  if (roleRef.apiGroup !== group) errors.push(unsupported('roleRef.apiGroup', roleRef.apiGroup, [group]));
  if (!kinds.includes(roleRef.kind)) errors.push(unsupported('roleRef.kind', roleRef.kind, kinds));
  if (roleRef.name === '') errors.push(required('roleRef.name'));
  else
    for (const problem of pathSegmentName(roleRef.name, false))
      errors.push(invalid('roleRef.name', roleRef.name, problem));
  for (const [index, subject] of (subjects ?? []).entries())
    errors.push(...validateSubject(subject, `subjects[${index}]`, namespaced));
  return errors;
}

function validateSubject(subject: Subject, path: string, namespaced: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (subject.name === '') errors.push(required(`${path}.name`));
  const apiGroup = subject.apiGroup ?? '';
  switch (subject.kind) {
    case 'ServiceAccount':
      for (const problem of subject.name === '' ? [] : dnsSubdomainProblems(subject.name))
        errors.push(invalid(`${path}.name`, subject.name, problem));
      if (apiGroup !== '') errors.push(unsupported(`${path}.apiGroup`, apiGroup, ['']));
      if (!namespaced && (subject.namespace ?? '') === '') errors.push(required(`${path}.namespace`));
      break;
    case 'User':
    case 'Group':
      if (apiGroup !== group) errors.push(unsupported(`${path}.apiGroup`, apiGroup, [group]));
      break;
    default:
      errors.push(unsupported(`${path}.kind`, subject.kind, ['ServiceAccount', 'User', 'Group']));
  }
  return errors;
}

interface Bound {
  readonly roleRef: RoleRef;
}

const validateRoleRefFixed = (next: Bound, current: Bound): FieldError[] =>
  isDeepStrictEqual(next.roleRef, current.roleRef)
    ? []
    : [invalid('roleRef', shownReference(next.roleRef), 'cannot change roleRef')];

/** By the names of the program, as messages show it. */
const shownReference = ({ apiGroup = '', kind = '', name = '' }: RoleRef): object => ({
  APIGroup: apiGroup,
  Kind: kind,
  Name: name,
});

const createdAt: KindColumn<Role | ClusterRole> = {
  name: 'Created At',
  type: 'date',
  format: '',
  description: ageDescription,
  priority: 0,
  cell: ({ metadata }) => metadata.creationTimestamp ?? '',
};

export const roleRules: KindRules<Role> = {
  type: roles,
  nameRule: pathSegmentName,
  allowCreateOnUpdate: true,
  validate: ({ rules }) => validateRules(rules, true),
  columns: [nameColumn, createdAt],
};

export const clusterRoleRules: KindRules<ClusterRole> = {
  type: clusterroles,
  nameRule: pathSegmentName,
  allowCreateOnUpdate: true,
  validate({ rules, aggregationRule }, _context, current) {
    const selectors = aggregationRule?.clusterRoleSelectors ?? [];
    const keepsValues = (current?.aggregationRule?.clusterRoleSelectors ?? []).some(isWrongSelector);
    const field = 'aggregationRule.clusterRoleSelectors';
    return [
      ...validateRules(rules, false),
      ...(aggregationRule !== undefined && selectors.length === 0
        ? [required(field, 'at least one clusterRoleSelector required if aggregationRule is non-nil')]
        : []),
      ...selectors.flatMap((selector, index) =>
        validateLabelSelector(selector, `${field}[${index}]`, { keepsValues }),
      ),
    ];
  },
  columns: [nameColumn, createdAt],
};

interface Binding extends Bound {
  readonly subjects?: readonly Subject[] | undefined;
}

const subjectNames =
  (kind: string) =>
  (binding: Binding): string =>
    (binding.subjects ?? [])
      .filter((subject) => subject.kind === kind)
      .map(({ name, namespace }) => (kind === 'ServiceAccount' ? `${namespace ?? ''}/${name}` : name))
      .join(kind === 'ServiceAccount' ? ', ' : ', ');

const subjectColumns: readonly KindColumn<Binding>[] = [
  wide(column('Users', describe('RoleBinding', 'Users'), subjectNames('User'))),
  wide(column('Groups', describe('RoleBinding', 'Groups'), subjectNames('Group'))),
  wide(column('ServiceAccounts', describe('RoleBinding', 'ServiceAccounts'), subjectNames('ServiceAccount'))),
];
const roleText = ({ roleRef }: Bound): string => `${roleRef.kind}/${roleRef.name}`;
const roleColumn: KindColumn<Binding> = column('Role', describe('RoleBinding', 'Role'), roleText);

export const roleBindingRules: KindRules<RoleBinding> = {
  type: rolebindings,
  nameRule: pathSegmentName,
  allowCreateOnUpdate: true,
  setDefaults: setSubjectDefaults,
  validate: (binding) => validateBinding(binding, ['Role', 'ClusterRole'], true),
  validateUpdate: validateRoleRefFixed,
  columns: [nameColumn, roleColumn, ageColumn, ...subjectColumns],
};

export const clusterRoleBindingRules: KindRules<ClusterRoleBinding> = {
  type: clusterrolebindings,
  nameRule: pathSegmentName,
  allowCreateOnUpdate: true,
  setDefaults: setSubjectDefaults,
  validate: (binding) => validateBinding(binding, ['ClusterRole'], false),
  validateUpdate: validateRoleRefFixed,
  columns: [nameColumn, roleColumn, ageColumn, ...subjectColumns],
};
