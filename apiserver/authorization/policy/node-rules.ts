import type { Rule } from '../rbac/policy-rule.ts';
import { on, read } from './rule-table.ts';

/** What Kubernetes lets every node do, before the Node authorizer narrows it; also the role `system:node`. */
export const nodeRules: readonly Rule[] = [
  on('authentication.k8s.io', 'tokenreviews', 'create'),
  on('authorization.k8s.io', 'subjectaccessreviews localsubjectaccessreviews', 'create'),
  on('core', 'services', read),
  on('core', 'nodes', 'create get list watch'),
  on('core', 'nodes/status', 'update patch'),
  on('core', 'nodes', 'update patch'),
  on('core', 'events', 'create update patch'),
  on('core', 'pods', read),
  on('core', 'pods', 'create delete'),
  on('core', 'pods/status', 'update patch'),
  on('core', 'pods/eviction', 'create'),
  on('core', 'secrets configmaps', read),
  on('core', 'persistentvolumeclaims persistentvolumes', 'get'),
  on('core', 'endpoints', 'get'),
  on('certificates.k8s.io', 'certificatesigningrequests', 'create get list watch'),
  on('coordination.k8s.io', 'leases', 'get create update patch delete'),
  on('storage.k8s.io', 'volumeattachments', 'get'),
  on('core', 'serviceaccounts/token', 'create'),
  on('core', 'persistentvolumeclaims/status', 'get update patch'),
  on('storage.k8s.io', 'csidrivers', read),
  on('storage.k8s.io', 'csinodes', 'get create update patch delete'),
  on('node.k8s.io', 'runtimeclasses', read),
  on('resource.k8s.io', 'resourceclaims', 'get'),
  on('resource.k8s.io', 'resourceslices', 'deletecollection'),
  on('core', 'serviceaccounts', 'get'),
];
