import { type NamedRules, on, paths, read, write } from './rule-table.ts';

/** Label of what is gathered into `admin`, `edit` or `view`. */
const gatheredInto = (role: string): string => `rbac.authorization.k8s.io/aggregate-to-${role}`;

const appsWritten =
  'daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale';
const extensionsWritten =
  'daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale';
const appsRead =
  'controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status';
const extensionsRead =
  'daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale';

const toAdmin: NamedRules = {
  name: 'system:aggregate-to-admin',
  labels: { [gatheredInto('admin')]: 'true' },
  rules: [
    on('authorization.k8s.io', 'localsubjectaccessreviews', 'create'),
    on('rbac.authorization.k8s.io', 'roles rolebindings', `${read} ${write}`),
  ],
};

const toEdit: NamedRules = {
  name: 'system:aggregate-to-edit',
  labels: { [gatheredInto('edit')]: 'true' },
  rules: [
    on('core', 'pods/attach pods/proxy pods/exec pods/portforward secrets services/proxy', read),
    on('core', 'serviceaccounts', 'impersonate'),
    on('core', 'pods pods/attach pods/proxy pods/exec pods/portforward', write),
    on('core', 'pods/eviction', 'create'),
    on(
      'core',
      'configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy',
      write,
    ),
    on('core', 'serviceaccounts/token', 'create'),
    on('apps', appsWritten, write),
    on('autoscaling', 'horizontalpodautoscalers', write),
    on('batch', 'cronjobs jobs', write),
    on('extensions', extensionsWritten, write),
    on('policy', 'poddisruptionbudgets', write),
    on('networking.k8s.io', 'ingresses networkpolicies', write),
    on('coordination.k8s.io', 'leases', `${read} ${write}`),
    on('resource.k8s.io', 'resourceclaims resourceclaimtemplates', write),
  ],
};

const toView: NamedRules = {
  name: 'system:aggregate-to-view',
  labels: { [gatheredInto('view')]: 'true' },
  rules: [
    on(
      'core',
      'configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status',
      read,
    ),
    on(
      'core',
      'bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status',
      read,
    ),
    on('core', 'namespaces', read),
    on('discovery.k8s.io', 'endpointslices', read),
    on('apps', appsRead, read),
    on('autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status', read),
    on('batch', 'cronjobs cronjobs/status jobs jobs/status', read),
    on('extensions', extensionsRead, read),
    on('policy', 'poddisruptionbudgets poddisruptionbudgets/status', read),
    on('networking.k8s.io', 'ingresses ingresses/status networkpolicies', read),
    on('resource.k8s.io', 'resourceclaims resourceclaims/status resourceclaimtemplates', read),
  ],
};

const health = '/healthz /livez /readyz';

/** What people are given, and what everybody has. */
export const userRoles: readonly NamedRules[] = [
  { name: 'cluster-admin', rules: [on('*', '*', '*'), paths('*', '*')] },
  {
    name: 'admin',
    gathers: gatheredInto('admin'),
    rules: [...toEdit.rules, ...toView.rules, ...toAdmin.rules],
  },
  {
    ...{ name: 'edit', gathers: gatheredInto('edit'), rules: [...toEdit.rules, ...toView.rules] },
    labels: { [gatheredInto('admin')]: 'true' },
  },
  {
    ...{ name: 'view', gathers: gatheredInto('view'), rules: toView.rules },
    labels: { [gatheredInto('edit')]: 'true' },
  },
  toAdmin,
  toEdit,
  toView,
  {
    name: 'system:discovery',
    rules: [paths(`${health} /api /api/* /apis /apis/* /openapi /openapi/* /version /version/`)],
  },
  {
    name: 'system:basic-user',
    rules: [
      on('authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews', 'create'),
      on('authentication.k8s.io', 'selfsubjectreviews', 'create'),
    ],
  },
  { name: 'system:public-info-viewer', rules: [paths(`${health} /version /version/`)] },
  {
    name: 'system:monitoring',
    rules: [paths('/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*')],
  },
  {
    name: 'system:service-account-issuer-discovery',
    rules: [
      paths(
        '/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/',
      ),
    ],
  },
];
