import { nodeRules } from './node-rules.ts';
import { events, type NamedRules, on, read, write } from './rule-table.ts';

const reviews = [
  on('authentication.k8s.io', 'tokenreviews', 'create'),
  on('authorization.k8s.io', 'subjectaccessreviews', 'create'),
];

const controllerManager: NamedRules = {
  name: 'system:kube-controller-manager',
  rules: [
    events,
    on('coordination.k8s.io', 'leases', 'create'),
    on('coordination.k8s.io', 'leases', 'get update', 'kube-controller-manager'),
    on('core', 'secrets serviceaccounts', 'create'),
    on('core', 'secrets', 'delete'),
    on('core', 'configmaps namespaces secrets serviceaccounts', 'get'),
    on('core', 'secrets serviceaccounts', 'update'),
    ...reviews,
    on('*', '*', 'list watch'),
    on('core', 'serviceaccounts/token', 'create'),
  ],
};

const scheduler: NamedRules = {
  name: 'system:kube-scheduler',
  rules: [
    events,
    on('coordination.k8s.io', 'leases', 'create'),
    on('coordination.k8s.io', 'leases', 'get list update watch', 'kube-scheduler'),
    on('coordination.k8s.io', 'leasecandidates', `${read} ${write}`),
    on('core', 'nodes', read),
    on('core', 'pods', `delete ${read}`),
    on('core', 'bindings pods/binding', 'create'),
    on('core', 'pods/status', 'patch update'),
    on('core', 'replicationcontrollers services', read),
    on('apps extensions', 'replicasets', read),
    on('apps', 'statefulsets', read),
    on('policy', 'poddisruptionbudgets', read),
    on('core', 'persistentvolumeclaims persistentvolumes', read),
    ...reviews,
    on('storage.k8s.io', 'csinodes', read),
    on('storage.k8s.io', 'volumeattachments', read),
    on('core', 'namespaces', read),
    on('storage.k8s.io', 'csidrivers', read),
    on('storage.k8s.io', 'csistoragecapacities', read),
    on('resource.k8s.io', 'deviceclasses', read),
    on('resource.k8s.io', 'resourceclaims', `patch update ${read}`),
    on('resource.k8s.io', 'resourceclaims/status', `patch update ${read}`),
    on('core', 'pods/finalizers', `patch update ${read}`),
    on('resource.k8s.io', 'resourceslices', read),
  ],
};

const approver = (role: string, signer: string): NamedRules => ({
  name: `system:certificates.k8s.io:${role}`,
  rules: [on('certificates.k8s.io', 'signers', 'approve', `kubernetes.io/${signer}`)],
});
const requester = (kind: string): NamedRules => ({
  name: `system:certificates.k8s.io:certificatesigningrequests:${kind}`,
  rules: [on('certificates.k8s.io', `certificatesigningrequests/${kind}`, 'create')],
});

const certificateRoles: readonly NamedRules[] = [
  requester('nodeclient'),
  requester('selfnodeclient'),
  approver('kube-apiserver-client-approver', 'kube-apiserver-client'),
  approver('kube-apiserver-client-kubelet-approver', 'kube-apiserver-client-kubelet'),
  approver('kubelet-serving-approver', 'kubelet-serving'),
  approver('legacy-unknown-approver', 'legacy-unknown'),
];

const nodeRoles: readonly NamedRules[] = [
  { name: 'system:node', rules: nodeRules },
  {
    name: 'system:node-bootstrapper',
    rules: [on('certificates.k8s.io', 'certificatesigningrequests', 'create get list watch')],
  },
  {
    name: 'system:node-problem-detector',
    rules: [on('core', 'nodes', 'get'), on('core', 'nodes/status', 'patch'), events],
  },
  {
    name: 'system:node-proxier',
    rules: [
      on('core', 'endpoints services', 'list watch'),
      on('core', 'nodes', read),
      events,
      on('networking.k8s.io', 'servicecidrs', 'list watch'),
      on('discovery.k8s.io', 'endpointslices', 'list watch'),
    ],
  },
  {
    name: 'system:kubelet-api-admin',
    rules: [
      on('core', 'nodes', read),
      on('core', 'nodes', 'proxy'),
      on('core', 'nodes/log nodes/metrics nodes/proxy nodes/stats', '*'),
      on('core', 'nodes/configz nodes/healthz nodes/pods', '*'),
    ],
  },
];

const volumeRoles: readonly NamedRules[] = [
  {
    name: 'system:persistent-volume-provisioner',
    rules: [
      on('core', 'persistentvolumes', `create delete ${read}`),
      on('core', 'persistentvolumeclaims', `update ${read}`),
      on('storage.k8s.io', 'storageclasses', read),
      on('core', 'events', 'watch'),
      events,
    ],
  },
  {
    name: 'system:volume-scheduler',
    rules: [
      on('core', 'persistentvolumes', `patch update ${read}`),
      on('storage.k8s.io', 'storageclasses', read),
      on('core', 'persistentvolumeclaims', `patch update ${read}`),
    ],
  },
];

/** What the programs of a Kubernetes cluster are given. */
export const componentRoles: readonly NamedRules[] = [
  controllerManager,
  scheduler,
  ...certificateRoles,
  ...nodeRoles,
  ...volumeRoles,
  { name: 'system:auth-delegator', rules: reviews },
  {
    name: 'system:heapster',
    rules: [on('core', 'events namespaces nodes pods', read), on('extensions', 'deployments', read)],
  },
  { name: 'system:kube-aggregator', rules: [on('core', 'endpoints services', read)] },
  { name: 'system:kube-dns', rules: [on('core', 'endpoints services', 'list watch')] },
];
