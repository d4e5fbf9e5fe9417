/**
 * What a machine that joins may do, and what a node may do to stay: the bindings that kubeadm makes, under its names, and ours for
 * serving certificates. The group is the one that a bootstrap token must be given to join with.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/
 */
import type { BootstrapObject } from '../../bootstrap-objects.ts';
import {
  clusterRole,
  clusterRoleBinding,
  group,
  namespaceRole,
  namespaceRoleBinding,
  on,
  user,
} from './rule-table.ts';

const joining = group('system:bootstrappers:kubeadm:default-node-token');
const nodes = group('system:nodes');
const requester = (kind: string): string => `system:certificates.k8s.io:certificatesigningrequests:${kind}`;
const serving = 'coracle:selfnodeserver';
const clusterInfo = 'kubeadm:bootstrap-signer-clusterinfo';
const nodeConfig = 'coracle:node-config';

export const joiningPolicy: readonly BootstrapObject[] = [
  clusterRole({
    name: serving,
    rules: [on('certificates.k8s.io', 'certificatesigningrequests/selfnodeserver', 'create')],
  }),
  // The authority and where to reach it: what somebody needs who knows nothing yet, and no more than that.
  namespaceRole('kube-public', {
    name: clusterInfo,
    rules: [on('core', 'configmaps', 'get', 'cluster-info')],
  }),
  namespaceRole('kube-system', {
    name: nodeConfig,
    rules: [on('core', 'configmaps', 'get', 'coracle-node-config')],
  }),
  clusterRoleBinding('kubeadm:kubelet-bootstrap', [joining], 'system:node-bootstrapper'),
  clusterRoleBinding('kubeadm:node-autoapprove-bootstrap', [joining], requester('nodeclient')),
  clusterRoleBinding('kubeadm:node-autoapprove-certificate-rotation', [nodes], requester('selfnodeclient')),
  clusterRoleBinding(serving, [nodes]),
  // Nodes follow the authority's certificate there.
  namespaceRoleBinding('kube-public', clusterInfo, [user('system:anonymous'), nodes]),
  namespaceRoleBinding('kube-system', nodeConfig, [nodes]),
];
