/** What a subject may do, in RBAC's form: every list must match; `*` matches all. */
export interface Rule {
  readonly verbs: readonly string[];
  readonly groups: readonly string[];
  /** `pods`, `pods/status`; `*` for all with their subresources. */
  readonly resources: readonly string[];
  readonly namespaces?: readonly string[];
}

export interface NonResourceRule {
  readonly verbs: readonly string[];
  /** A trailing `*` matches everything behind. */
  readonly paths: readonly string[];
}

const read = ['get', 'list', 'watch'];
const write = ['create', 'update', 'patch', 'delete', 'deletecollection'];
const all = ['*'];

/** Everybody who is known may look at what the server offers. */
export const discoveryRule: NonResourceRule = {
  verbs: ['get'],
  paths: [
    '/api',
    '/api/*',
    '/apis',
    '/apis/*',
    '/openapi',
    '/openapi/*',
    '/version',
    '/version/',
    '/healthz',
    '/healthz/*',
    '/livez',
    '/livez/*',
    '/readyz',
    '/readyz/*',
  ],
};

/** What even the unknown may look at. */
export const publicRule: NonResourceRule = {
  verbs: ['get'],
  paths: ['/healthz', '/healthz/*', '/livez', '/livez/*', '/readyz', '/readyz/*', '/version', '/version/'],
};

/** Everybody who is known may ask who they are and what they may do. */
export const selfReviewRules: readonly Rule[] = [
  {
    verbs: ['create'],
    groups: ['authorization.k8s.io'],
    resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
  },
  { verbs: ['create'], groups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] },
];

const events: Rule = {
  verbs: ['create', 'update', 'patch'],
  groups: ['', 'events.k8s.io'],
  resources: ['events'],
};
const leases: Rule = {
  verbs: [...read, ...write],
  groups: ['coordination.k8s.io'],
  resources: ['leases'],
  namespaces: ['kube-system'],
};
const metrics: NonResourceRule = { verbs: ['get'], paths: ['/metrics'] };

const scheduler: readonly Rule[] = [
  { verbs: read, groups: all, resources: all },
  { verbs: ['create'], groups: [''], resources: ['bindings', 'pods/binding'] },
  { verbs: ['create'], groups: ['coracle.dev'], resources: ['bulkbindings'] },
  { verbs: ['delete'], groups: [''], resources: ['pods'] },
  { verbs: ['update', 'patch'], groups: [''], resources: ['pods/status'] },
  events,
  leases,
];

const controllerManager: readonly Rule[] = [{ verbs: all, groups: all, resources: all }];

const detector: readonly Rule[] = [
  { verbs: read, groups: [''], resources: ['nodes', 'pods'] },
  { verbs: read, groups: ['coordination.k8s.io'], resources: ['leases'] },
  { verbs: ['update', 'patch'], groups: [''], resources: ['nodes', 'nodes/status', 'pods/status'] },
  events,
  leases,
];

/** Rules by user name. */
export const userRules: Readonly<Record<string, readonly Rule[]>> = {
  'system:kube-scheduler': scheduler,
  'system:kube-controller-manager': controllerManager,
  'coracle:detector': detector,
};

export const componentPathRules: readonly NonResourceRule[] = [metrics];

/** What every node may read, whatever it runs. */
export const nodeReadRules: readonly Rule[] = [
  { verbs: read, groups: [''], resources: ['services', 'nodes'] },
  { verbs: read, groups: ['discovery.k8s.io'], resources: ['endpointslices'] },
  { verbs: read, groups: ['node.k8s.io'], resources: ['runtimeclasses'] },
  { verbs: read, groups: ['storage.k8s.io'], resources: ['csidrivers', 'volumeattachments'] },
  events,
];
