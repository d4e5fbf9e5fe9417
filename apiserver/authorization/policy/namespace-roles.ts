import type { BootstrapObject } from '../../bootstrap-objects.ts';
import { events, namespaceRole, namespaceRoleBinding, on, read, systemAccount, user } from './rule-table.ts';

const system = 'kube-system';
const open = 'kube-public';
const nodeLeases = 'kube-node-lease';
/** Ours: nodes write their load on their Leases, and the scheduler reads it there. */
const loadReader = 'coracle:node-load-reader';
const controller = (name: string): string => `system:controller:${name}`;
const reader = 'extension-apiserver-authentication-reader';
const locking = (program: string): string => `system::leader-locking-${program}`;

const roles: readonly BootstrapObject[] = [
  namespaceRole(system, {
    name: reader,
    rules: [on('core', 'configmaps', read, 'extension-apiserver-authentication')],
  }),
  namespaceRole(system, { name: controller('bootstrap-signer'), rules: [on('core', 'secrets', read)] }),
  namespaceRole(system, {
    name: controller('cloud-provider'),
    rules: [on('core', 'configmaps', `create ${read}`)],
  }),
  namespaceRole(system, {
    name: controller('token-cleaner'),
    rules: [on('core', 'secrets', `delete ${read}`), events],
  }),
  namespaceRole(system, {
    name: locking('kube-controller-manager'),
    rules: [
      on('core', 'configmaps', 'watch'),
      on('core', 'configmaps', 'get update', 'kube-controller-manager'),
    ],
  }),
  namespaceRole(system, {
    name: locking('kube-scheduler'),
    rules: [on('core', 'configmaps', 'watch'), on('core', 'configmaps', 'get update', 'kube-scheduler')],
  }),
  namespaceRole(nodeLeases, { name: loadReader, rules: [on('coordination.k8s.io', 'leases', read)] }),
  namespaceRole(open, {
    name: controller('bootstrap-signer'),
    rules: [on('core', 'configmaps', read), on('core', 'configmaps', 'update', 'cluster-info'), events],
  }),
];

const ofController = (namespace: string, name: string): BootstrapObject =>
  namespaceRoleBinding(namespace, controller(name), [systemAccount(name)]);
const ofProgram = (program: string): BootstrapObject =>
  namespaceRoleBinding(system, locking(program), [user(`system:${program}`), systemAccount(program)]);

const bindings: readonly BootstrapObject[] = [
  namespaceRoleBinding(
    system,
    `system::${reader}`,
    [user('system:kube-controller-manager'), user('system:kube-scheduler')],
    reader,
  ),
  namespaceRoleBinding(nodeLeases, loadReader, [user('system:kube-scheduler')]),
  ofProgram('kube-controller-manager'),
  ofProgram('kube-scheduler'),
  ofController(system, 'bootstrap-signer'),
  ofController(system, 'cloud-provider'),
  ofController(system, 'token-cleaner'),
  ofController(open, 'bootstrap-signer'),
];

/** Rights inside the system's namespaces. */
export const namespacePolicy: readonly BootstrapObject[] = [...roles, ...bindings];
