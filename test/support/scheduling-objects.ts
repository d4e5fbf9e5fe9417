import type { Node, Pod, PodSpec, Taint } from '../../api/generated/core-v1.ts';
import type { ObjectMeta } from '../../api/generated/meta-v1.ts';

let lastUid = 0;

const metaOf = (name: string): ObjectMeta => {
  lastUid += 1;
  return {
    name,
    uid: `uid-${lastUid}`,
    resourceVersion: `${lastUid}`,
    creationTimestamp: '2026-01-01T00:00:00Z',
  };
};

export interface NodeDraft {
  readonly name?: string | undefined;
  readonly cpu?: string | undefined;
  readonly memory?: string | undefined;
  readonly pods?: number | string | undefined;
  readonly labels?: Record<string, string> | undefined;
  readonly taints?: Taint[] | undefined;
  readonly unschedulable?: boolean | undefined;
  readonly extra?: Record<string, string> | undefined;
}

/** A ready node; 4 CPU, 8Gi, 110 pods unless said otherwise. */
export function aNode(draft: NodeDraft = {}): Node {
  const name = draft.name ?? 'node-1';
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { ...metaOf(name), labels: { 'kubernetes.io/hostname': name, ...draft.labels } },
    spec: { taints: draft.taints, unschedulable: draft.unschedulable },
    status: {
      allocatable: {
        cpu: draft.cpu ?? '4',
        memory: draft.memory ?? '8Gi',
        pods: String(draft.pods ?? 110),
        'ephemeral-storage': '100Gi',
        ...draft.extra,
      },
    },
  };
}

export interface PodDraft {
  readonly name?: string | undefined;
  readonly namespace?: string | undefined;
  readonly labels?: Record<string, string> | undefined;
  readonly cpu?: string | undefined;
  readonly memory?: string | undefined;
  /** Requests of other resources. */
  readonly extra?: Record<string, string> | undefined;
  readonly hostPorts?: readonly number[] | undefined;
  /** Uid of the controlling ReplicaSet. */
  readonly owner?: string | undefined;
  readonly spec?: Partial<PodSpec> | undefined;
}

/** A pending pod with one container; without requests unless said otherwise. */
export function aPod(draft: PodDraft = {}): Pod {
  const { cpu, memory, owner } = draft;
  const basic = { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) };
  const requests = { ...basic, ...draft.extra };
  const ports = (draft.hostPorts ?? []).map((hostPort) => ({ containerPort: hostPort, hostPort }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metaOf(draft.name ?? 'pod-1'),
      namespace: draft.namespace ?? 'default',
      labels: draft.labels,
      ownerReferences:
        owner === undefined
          ? undefined
          : [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner, controller: true }],
    },
    spec: { containers: [{ name: 'main', image: 'nginx', resources: { requests }, ports }], ...draft.spec },
  };
}
