import type { Rule } from '../rbac/policy-rule.ts';
import { events, type NamedRules, on, read } from './rule-table.ts';

const certificateSigners =
  'kubernetes.io/kube-apiserver-client kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving kubernetes.io/legacy-unknown';
const apps = 'apps extensions';

/** By the name of the controller: what a workload's controller needs. */
const workloads: Readonly<Record<string, readonly Rule[]>> = {
  'cronjob-controller': [
    on('batch', 'cronjobs', `update ${read}`),
    on('batch', 'jobs', `create delete patch update ${read}`),
    on('batch', 'cronjobs/status', 'update'),
    on('batch', 'cronjobs/finalizers', 'update'),
    on('core', 'pods', 'delete list watch'),
    events,
  ],
  'daemon-set-controller': [
    on(apps, 'daemonsets', read),
    on(apps, 'daemonsets/status', 'update'),
    on(apps, 'daemonsets/finalizers', 'update'),
    on('core', 'nodes', 'list watch'),
    on('core', 'pods', 'create delete list patch watch'),
    on('core', 'pods/binding', 'create'),
    on('apps', 'controllerrevisions', `create delete patch update ${read}`),
    events,
  ],
  'deployment-controller': [
    on(apps, 'deployments', `update ${read}`),
    on(apps, 'deployments/status', 'update'),
    on(apps, 'deployments/finalizers', 'update'),
    on(apps, 'replicasets', `create delete patch update ${read}`),
    on('core', 'pods', `update ${read}`),
    events,
  ],
  'job-controller': [
    on('batch', 'jobs', `patch update ${read}`),
    on('batch', 'jobs/status', 'update'),
    on('batch', 'jobs/finalizers', 'update'),
    on('core', 'pods', 'create delete list patch watch'),
    events,
  ],
  'replicaset-controller': [
    on(apps, 'replicasets', `update ${read}`),
    on(apps, 'replicasets/status', 'update'),
    on(apps, 'replicasets/finalizers', 'update'),
    on('core', 'pods', 'create delete list patch watch'),
    events,
  ],
  'replication-controller': [
    on('core', 'replicationcontrollers', `update ${read}`),
    on('core', 'replicationcontrollers/status', 'update'),
    on('core', 'replicationcontrollers/finalizers', 'update'),
    on('core', 'pods', 'create delete list patch watch'),
    events,
  ],
  'statefulset-controller': [
    on('core', 'pods', 'list watch'),
    on('apps', 'statefulsets', read),
    on('apps', 'statefulsets/status', 'update'),
    on('apps', 'statefulsets/finalizers', 'update'),
    on('core', 'pods', 'create delete get patch update'),
    on('apps', 'controllerrevisions', `create delete patch update ${read}`),
    on('core', 'persistentvolumeclaims', `create ${read}`),
    on('core', 'persistentvolumeclaims', 'delete update'),
    on('core', 'pods/finalizers', 'update'),
    events,
  ],
  'ttl-after-finished-controller': [on('batch', 'jobs', `delete ${read}`), events],
  'disruption-controller': [
    on(apps, 'deployments', read),
    on(apps, 'replicasets', read),
    on('core', 'replicationcontrollers', read),
    on('policy', 'poddisruptionbudgets', read),
    on('apps', 'statefulsets', read),
    on('policy', 'poddisruptionbudgets/status', 'update'),
    on('core', 'pods/status', 'patch update'),
    on('*', '*/scale', 'get'),
    events,
  ],
  'horizontal-pod-autoscaler': [
    on('autoscaling', 'horizontalpodautoscalers', read),
    on('autoscaling', 'horizontalpodautoscalers/status', 'update'),
    on('*', '*/scale', 'get update'),
    on('core', 'pods', 'list watch'),
    on('metrics.k8s.io', 'pods', 'list watch'),
    on('custom.metrics.k8s.io', '*', read),
    on('external.metrics.k8s.io', '*', read),
    events,
  ],
};

const networks: Readonly<Record<string, readonly Rule[]>> = {
  'endpoint-controller': [
    on('core', 'pods services', read),
    on('core', 'endpoints', `create delete update ${read}`),
    on('core', 'endpoints/restricted', 'create'),
    events,
  ],
  'endpointslice-controller': [
    on('core', 'nodes pods services', read),
    on('core', 'services/finalizers', 'update'),
    on('discovery.k8s.io', 'endpointslices', `create delete update ${read}`),
    events,
  ],
  'endpointslicemirroring-controller': [
    on('core', 'endpoints services', read),
    on('core', 'services/finalizers', 'update'),
    on('core', 'endpoints/finalizers', 'update'),
    on('discovery.k8s.io', 'endpointslices', `create delete update ${read}`),
    events,
  ],
  'route-controller': [on('core', 'nodes', 'list watch'), on('core', 'nodes/status', 'patch'), events],
  'service-controller': [
    on('core', 'services', read),
    on('core', 'services/status', 'patch update'),
    on('core', 'nodes', 'list watch'),
    events,
  ],
  'service-cidrs-controller': [
    on('networking.k8s.io', 'servicecidrs', `patch update ${read}`),
    on('networking.k8s.io', 'servicecidrs/finalizers', 'patch update'),
    on('networking.k8s.io', 'servicecidrs/status', 'patch update'),
    on('networking.k8s.io', 'ipaddresses', read),
    events,
  ],
};

const volumes: Readonly<Record<string, readonly Rule[]>> = {
  'attachdetach-controller': [
    on('core', 'persistentvolumeclaims persistentvolumes', 'list watch'),
    on('core', 'nodes', read),
    on('core', 'nodes/status', 'patch update'),
    on('core', 'pods', 'list watch'),
    events,
    on('storage.k8s.io', 'volumeattachments', `create delete ${read}`),
    on('storage.k8s.io', 'csidrivers', read),
    on('storage.k8s.io', 'csinodes', read),
  ],
  'ephemeral-volume-controller': [
    on('core', 'pods', read),
    on('core', 'pods/finalizers', 'update'),
    on('core', 'persistentvolumeclaims', `create ${read}`),
    events,
  ],
  'expand-controller': [
    on('core', 'persistentvolumes', `patch update ${read}`),
    on('core', 'persistentvolumeclaims/status', 'patch update'),
    on('core', 'persistentvolumeclaims', read),
    events,
    on('core', 'services', 'get'),
  ],
  'persistent-volume-binder': [
    on('core', 'persistentvolumes', `create delete update ${read}`),
    on('core', 'persistentvolumes/status', 'update'),
    on('core', 'persistentvolumeclaims', `update ${read}`),
    on('core', 'persistentvolumeclaims/status', 'update'),
    on('core', 'pods', `create delete ${read}`),
    on('storage.k8s.io', 'storageclasses', read),
    on('core', 'nodes', 'list watch'),
    events,
    on('core', 'events', 'watch'),
    on('core', 'services', 'get'),
  ],
  'pv-protection-controller': [on('core', 'persistentvolumes', `update ${read}`), events],
  'pvc-protection-controller': [
    on('core', 'persistentvolumeclaims', `update ${read}`),
    on('core', 'pods', read),
    events,
  ],
  'resource-claim-controller': [
    on('core', 'pods', read),
    on('core', 'pods/finalizers', 'update'),
    on('resource.k8s.io', 'resourceclaims', `create delete ${read}`),
    on('resource.k8s.io', 'resourceclaims resourceclaims/status', 'patch update'),
    on('core', 'pods/status', 'patch update'),
    events,
  ],
  'selinux-warning-controller': [
    events,
    on('core', 'persistentvolumes', read),
    on('core', 'persistentvolumeclaims', read),
    on('core', 'pods', read),
    on('storage.k8s.io', 'csidrivers', read),
  ],
  'volumeattributesclass-protection-controller': [
    on('core', 'persistentvolumeclaims', read),
    on('core', 'persistentvolumes', read),
    on('storage.k8s.io', 'volumeattributesclasses', `update ${read}`),
    events,
  ],
};

const upkeep: Readonly<Record<string, readonly Rule[]>> = {
  'certificate-controller': [
    on('certificates.k8s.io', 'certificatesigningrequests', `delete ${read}`),
    on(
      'certificates.k8s.io',
      'certificatesigningrequests/approval certificatesigningrequests/status',
      'update',
    ),
    on('certificates.k8s.io', 'signers', 'approve', 'kubernetes.io/kube-apiserver-client-kubelet'),
    on('certificates.k8s.io', 'signers', 'sign', certificateSigners),
    on('authorization.k8s.io', 'subjectaccessreviews', 'create'),
    events,
  ],
  'clusterrole-aggregation-controller': [
    on('rbac.authorization.k8s.io', 'clusterroles', `escalate patch update ${read}`),
  ],
  'generic-garbage-collector': [on('*', '*', `delete patch update ${read}`), events],
  'legacy-service-account-token-cleaner': [
    on('core', 'configmaps', 'get', 'kube-apiserver-legacy-service-account-token-tracking'),
    on('core', 'secrets', 'delete patch'),
  ],
  'namespace-controller': [
    on('core', 'namespaces', `delete ${read}`),
    on('core', 'namespaces/finalize namespaces/status', 'update'),
    on('*', '*', `delete deletecollection ${read}`),
  ],
  'node-controller': [
    on('core', 'nodes', `delete patch update ${read}`),
    on('core', 'nodes/status', 'patch update'),
    on('core', 'pods/status', 'patch update'),
    on('core', 'pods', `delete ${read}`),
    events,
  ],
  'pod-garbage-collector': [
    on('core', 'pods', 'delete list watch'),
    on('core', 'nodes', read),
    on('core', 'pods/status', 'patch'),
  ],
  'resourcequota-controller': [
    on('*', '*', 'list watch'),
    on('core', 'resourcequotas/status', 'update'),
    events,
  ],
  'root-ca-cert-publisher': [on('core', 'configmaps', 'create update'), events],
  'service-account-controller': [on('core', 'serviceaccounts', 'create'), events],
  'ttl-controller': [on('core', 'nodes', 'list patch update watch'), events],
  'validatingadmissionpolicy-status-controller': [
    on('admissionregistration.k8s.io', 'validatingadmissionpolicies', read),
    on('admissionregistration.k8s.io', 'validatingadmissionpolicies/status', 'get patch update'),
    events,
  ],
};

/** One role per controller of Kubernetes, as Kubernetes gives it; each is bound to the account of that name. */
export const controllerRoles: readonly NamedRules[] = Object.entries({
  ...workloads,
  ...networks,
  ...volumes,
  ...upkeep,
}).map(([controller, rules]) => ({ name: `system:controller:${controller}`, rules }));
