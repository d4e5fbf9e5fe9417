import type { ApiServerFlags } from './flags.ts';
import { defaultFlowSchemas, defaultPriorityLevels } from './flow-control/default-configuration.ts';

/** An object that every cluster has. */
export interface BootstrapObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

export const namespaceObjects: readonly BootstrapObject[] = namespaces.map((name) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name },
}));

export const priorityClassObjects: readonly BootstrapObject[] = [
  {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: 'system-node-critical' },
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
  {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: 'system-cluster-critical' },
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
];

const serviceLabels = { component: 'apiserver', provider: 'kubernetes' };

export function serviceObject(flags: ApiServerFlags, clusterIp: string): BootstrapObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kubernetes', namespace: 'default', labels: serviceLabels },
    spec: {
      clusterIP: clusterIp,
      clusterIPs: [clusterIp],
      ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: flags.securePort }],
      type: 'ClusterIP',
    },
  };
}

export function serviceCidrObject(flags: ApiServerFlags): BootstrapObject {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: 'kubernetes' },
    spec: { cidrs: [flags.serviceClusterIpRange] },
  };
}

/** Where the `kubernetes` Service leads: all servers that live. */
export function endpointObjects(
  flags: ApiServerFlags,
  addresses: readonly string[],
): { readonly endpoints: BootstrapObject; readonly slice: BootstrapObject } {
  const port = flags.securePort;
  return {
    endpoints: {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: {
        name: 'kubernetes',
        namespace: 'default',
        labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
      },
      subsets: [
        { addresses: addresses.map((ip) => ({ ip })), ports: [{ name: 'https', port, protocol: 'TCP' }] },
      ],
    },
    slice: {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: 'kubernetes',
        namespace: 'default',
        labels: { 'kubernetes.io/service-name': 'kubernetes' },
      },
      addressType: 'IPv4',
      endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
      ports: [{ name: 'https', port, protocol: 'TCP' }],
    },
  };
}

/** Priority and fairness as Kubernetes proposes it; who changes one of them takes the annotation off. */
export const flowControlObjects: readonly BootstrapObject[] = [
  ...defaultPriorityLevels.map(({ name, spec }) =>
    flowControlObject('PriorityLevelConfiguration', name, spec),
  ),
  ...defaultFlowSchemas.map(({ name, spec }) => flowControlObject('FlowSchema', name, spec)),
];

function flowControlObject(kind: string, name: string, spec: object): BootstrapObject {
  const annotations = { 'apf.kubernetes.io/autoupdate-spec': 'true' };
  return { apiVersion: 'flowcontrol.apiserver.k8s.io/v1', kind, metadata: { name, annotations }, spec };
}

export const identityLeaseKind = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' } as const;

/** One per living server, renewed by it. The labels are those of Kubernetes' servers. */
export function identityLease(
  name: string,
  address: string,
  times: { readonly now: string },
  encryptionKeys: string,
): BootstrapObject {
  return {
    ...identityLeaseKind,
    metadata: {
      name,
      namespace: 'kube-system',
      labels: { 'apiserver.kubernetes.io/identity': 'kube-apiserver', 'coracle.dev/address': address },
      annotations: { [encryptionKeysAnnotation]: encryptionKeys },
    },
    spec: {
      holderIdentity: name,
      leaseDurationSeconds: identityLeaseSeconds,
      acquireTime: times.now,
      renewTime: times.now,
    },
  };
}

export const identityLeaseSeconds = 30;

/** Fingerprints of the keys that the server can read, with commas between. */
export const encryptionKeysAnnotation = 'coracle.dev/encryption-keys';
