import type { BootstrapObject } from '../../bootstrap-objects.ts';
import { componentRoles } from './component-roles.ts';
import { controllerRoles } from './controller-roles.ts';
import { joiningPolicy } from './joining-policy.ts';
import { namespacePolicy } from './namespace-roles.ts';
import { ownRoles } from './own-roles.ts';
import { clusterRole, clusterRoleBinding, group, systemAccount, user } from './rule-table.ts';
import { userRoles } from './user-roles.ts';

const known = group('system:authenticated');
const unknown = group('system:unauthenticated');
const controllers = user('system:kube-controller-manager');
const scheduler = user('system:kube-scheduler');

const bindings: readonly BootstrapObject[] = [
  clusterRoleBinding('cluster-admin', [group('system:masters')]),
  clusterRoleBinding('system:monitoring', [group('system:monitoring')]),
  clusterRoleBinding('system:discovery', [known]),
  clusterRoleBinding('system:basic-user', [known]),
  clusterRoleBinding('system:public-info-viewer', [known, unknown]),
  clusterRoleBinding('system:node-proxier', [user('system:kube-proxy')]),
  clusterRoleBinding('system:kube-controller-manager', [controllers]),
  clusterRoleBinding('system:kube-dns', [systemAccount('kube-dns')]),
  clusterRoleBinding('system:kube-scheduler', [scheduler]),
  clusterRoleBinding('system:volume-scheduler', [scheduler]),
  // Nodes are the Node authorizer's; the binding is there for those who bind more to it, and is empty.
  clusterRoleBinding('system:node', []),
  clusterRoleBinding('system:service-account-issuer-discovery', [group('system:serviceaccounts')]),
  ...controllerRoles.map(({ name }) =>
    clusterRoleBinding(name, [systemAccount(name.slice('system:controller:'.length))]),
  ),
  clusterRoleBinding('coracle:controllers', [controllers]),
  clusterRoleBinding('coracle:scheduler', [scheduler]),
  clusterRoleBinding('coracle:detector', [user('coracle:detector')]),
  clusterRoleBinding('coracle:node', [group('system:nodes')]),
];

/**
 * Roles and bindings of every cluster: Kubernetes' own, and those of our programs. Roles come first, so that no binding ever names one
 * that is not there.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
 */
export const bootstrapPolicy: readonly BootstrapObject[] = [
  ...[...userRoles, ...componentRoles, ...controllerRoles, ...ownRoles].map(clusterRole),
  ...bindings,
  ...namespacePolicy,
  ...joiningPolicy,
];
