/** What Kubernetes proposes for every cluster. @see https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#defaults */
import type {
  FlowSchemaSpec,
  NonResourcePolicyRule,
  PriorityLevelConfigurationSpec,
  ResourcePolicyRule,
  Subject,
} from '../../api/generated/flowcontrol-v1.ts';

interface Named<Spec> {
  readonly name: string;
  readonly spec: Spec;
}

interface Shares {
  readonly shares: number;
  readonly lendablePercent: number;
}

const limited = (
  name: string,
  { shares, lendablePercent }: Shares,
  queuing?: { readonly queues: number; readonly handSize: number },
): Named<PriorityLevelConfigurationSpec> => ({
  name,
  spec: {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares: shares,
      lendablePercent,
      limitResponse:
        queuing === undefined
          ? { type: 'Reject' }
          : { type: 'Queue', queuing: { ...queuing, queueLengthLimit: 50 } },
    },
  },
});

export const defaultPriorityLevels: readonly Named<PriorityLevelConfigurationSpec>[] = [
  { name: 'exempt', spec: { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } } },
  limited('catch-all', { shares: 5, lendablePercent: 0 }),
  limited('system', { shares: 30, lendablePercent: 33 }, { queues: 64, handSize: 6 }),
  limited('node-high', { shares: 40, lendablePercent: 25 }, { queues: 64, handSize: 6 }),
  limited('leader-election', { shares: 10, lendablePercent: 0 }, { queues: 16, handSize: 4 }),
  limited('workload-high', { shares: 40, lendablePercent: 50 }, { queues: 128, handSize: 6 }),
  limited('workload-low', { shares: 100, lendablePercent: 90 }, { queues: 128, handSize: 6 }),
  limited('global-default', { shares: 20, lendablePercent: 50 }, { queues: 128, handSize: 6 }),
];

const group = (name: string): Subject => ({ kind: 'Group', group: { name } });
const user = (name: string): Subject => ({ kind: 'User', user: { name } });
const account = (namespace: string, name: string): Subject => ({
  kind: 'ServiceAccount',
  serviceAccount: { namespace, name },
});

const everybody = [group('system:unauthenticated'), group('system:authenticated')];
const anyResource: ResourcePolicyRule = {
  verbs: ['*'],
  apiGroups: ['*'],
  resources: ['*'],
  clusterScope: true,
  namespaces: ['*'],
};
const anyPath: NonResourcePolicyRule = { verbs: ['*'], nonResourceURLs: ['*'] };
const anything = { resourceRules: [anyResource], nonResourceRules: [anyPath] };
const leasesOf = (namespaces: readonly string[]): ResourcePolicyRule => ({
  verbs: ['get', 'create', 'update'],
  apiGroups: ['coordination.k8s.io'],
  resources: ['leases'],
  namespaces: [...namespaces],
});

interface SchemaOptions {
  readonly level: string;
  readonly precedence: number;
  readonly by?: 'ByUser' | 'ByNamespace';
}

const schema = (
  name: string,
  { level, precedence, by }: SchemaOptions,
  rules: FlowSchemaSpec['rules'],
): Named<FlowSchemaSpec> => ({
  name,
  spec: {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence: precedence,
    ...(by === undefined ? {} : { distinguisherMethod: { type: by } }),
    rules,
  },
});

export const defaultFlowSchemas: readonly Named<FlowSchemaSpec>[] = [
  schema('exempt', { level: 'exempt', precedence: 1 }, [
    { subjects: [group('system:masters')], ...anything },
  ]),
  schema('probes', { level: 'exempt', precedence: 2 }, [
    {
      subjects: everybody,
      nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
    },
  ]),
  schema('system-leader-election', { level: 'leader-election', precedence: 100, by: 'ByUser' }, [
    {
      subjects: [
        user('system:kube-controller-manager'),
        user('system:kube-scheduler'),
        // The detector leads as they do.
        user('coracle:detector'),
      ],
      resourceRules: [leasesOf(['*'])],
    },
    {
      // One request of the one that leads saves those of a thousand agents: it must not wait behind theirs.
      subjects: [user('coracle:detector')],
      resourceRules: [
        { verbs: ['create'], apiGroups: ['coracle.dev'], resources: ['bulkrenewals'], clusterScope: true },
      ],
    },
  ]),
  schema('endpoint-controller', { level: 'workload-high', precedence: 150, by: 'ByUser' }, [
    {
      subjects: [
        user('system:kube-controller-manager'),
        account('kube-system', 'endpoint-controller'),
        account('kube-system', 'endpointslice-controller'),
        account('kube-system', 'endpointslicemirroring-controller'),
      ],
      resourceRules: [
        { verbs: ['get', 'create', 'update'], apiGroups: [''], resources: ['endpoints'], namespaces: ['*'] },
        {
          verbs: ['get', 'create', 'update'],
          apiGroups: ['discovery.k8s.io'],
          resources: ['endpointslices'],
          namespaces: ['*'],
        },
      ],
    },
  ]),
  schema('workload-leader-election', { level: 'leader-election', precedence: 200, by: 'ByUser' }, [
    { subjects: [account('kube-system', '*')], resourceRules: [leasesOf(['*'])] },
  ]),
  schema('system-node-high', { level: 'node-high', precedence: 400, by: 'ByUser' }, [
    {
      // A node's silence is judged by the detector's word as by the node's own.
      subjects: [group('system:nodes'), user('coracle:detector')],
      resourceRules: [
        {
          verbs: ['*'],
          apiGroups: [''],
          resources: ['nodes', 'nodes/status'],
          clusterScope: true,
          namespaces: ['*'],
        },
        { verbs: ['*'], apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] },
      ],
    },
  ]),
  schema('system-nodes', { level: 'system', precedence: 500, by: 'ByUser' }, [
    { subjects: [group('system:nodes')], ...anything },
  ]),
  schema('kube-controller-manager', { level: 'workload-high', precedence: 800, by: 'ByNamespace' }, [
    { subjects: [user('system:kube-controller-manager'), user('coracle:detector')], ...anything },
  ]),
  schema('kube-scheduler', { level: 'workload-high', precedence: 800, by: 'ByNamespace' }, [
    { subjects: [user('system:kube-scheduler')], ...anything },
  ]),
  schema('kube-system-service-accounts', { level: 'workload-high', precedence: 900, by: 'ByNamespace' }, [
    { subjects: [account('kube-system', '*')], ...anything },
  ]),
  schema('service-accounts', { level: 'workload-low', precedence: 9_000, by: 'ByUser' }, [
    { subjects: [group('system:serviceaccounts')], ...anything },
  ]),
  schema('global-default', { level: 'global-default', precedence: 9_900, by: 'ByUser' }, [
    { subjects: everybody, ...anything },
  ]),
  schema('catch-all', { level: 'catch-all', precedence: 10_000, by: 'ByUser' }, [
    { subjects: everybody, ...anything },
  ]),
];
