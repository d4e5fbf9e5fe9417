import type {
  Deployment,
  DeploymentSpec,
  DeploymentStatus,
  ReplicaSet,
  ReplicaSetStatus,
} from '../../api/generated/apps-v1.ts';
import type { Job, JobSpec, JobStatus } from '../../api/generated/batch-v1.ts';
import type { Node, NodeCondition, Pod, Service, ServiceSpec, Taint } from '../../api/generated/core-v1.ts';
import type { ObjectMeta, OwnerReference } from '../../api/generated/meta-v1.ts';

/** Builders of stored objects for the controllers' unit tests: what is not given is a sensible default. */

export const t0 = '2026-01-01T00:00:00Z';
export const t0Ms: number = Date.parse(t0);

let created = 0;

export function aMeta(over: Partial<ObjectMeta> = {}): ObjectMeta {
  created += 1;
  return {
    name: `object-${created}`,
    namespace: 'default',
    uid: `uid-${created}`,
    resourceVersion: String(created * 128),
    creationTimestamp: t0,
    generation: 1,
    ...over,
  };
}

/** A template's metadata: the type asks for fields that only stored objects have. */
export function aTemplateMeta(labels: Record<string, string>): ObjectMeta {
  return JSON.parse(JSON.stringify({ labels })) as ObjectMeta;
}

export function aPod(
  over: {
    readonly name?: string;
    readonly node?: string;
    readonly ip?: string;
    readonly ready?: boolean;
    readonly readySince?: string;
    readonly phase?: string;
    readonly deleting?: boolean;
    readonly restarts?: number;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
    readonly owner?: OwnerReference;
    readonly created?: string;
    readonly spec?: Partial<Pod['spec']>;
  } = {},
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: aMeta({
      ...(over.name === undefined ? {} : { name: over.name }),
      labels: over.labels,
      annotations: over.annotations,
      deletionTimestamp: over.deleting === true ? t0 : undefined,
      ownerReferences: over.owner === undefined ? undefined : [over.owner],
      creationTimestamp: over.created ?? t0,
    }),
    spec: { containers: [{ name: 'main', image: 'nginx' }], nodeName: over.node, ...over.spec },
    status: {
      phase: over.phase ?? 'Running',
      podIP: over.ip,
      conditions: [
        {
          type: 'Ready',
          status: over.ready === false ? 'False' : 'True',
          lastTransitionTime: over.readySince ?? t0,
        },
      ],
      containerStatuses: [
        {
          name: 'main',
          image: 'nginx',
          imageID: '',
          ready: over.ready !== false,
          restartCount: over.restarts ?? 0,
        },
      ],
    },
  };
}

export function aNode(
  name: string,
  over: {
    readonly ready?: 'True' | 'False' | 'Unknown';
    readonly conditions?: readonly NodeCondition[];
    readonly taints?: readonly Taint[];
    readonly annotations?: Record<string, string>;
    readonly unschedulable?: boolean;
    readonly address?: string;
  } = {},
): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: aMeta({ name, namespace: undefined, annotations: over.annotations }),
    spec: {
      taints: over.taints === undefined ? undefined : [...over.taints],
      unschedulable: over.unschedulable,
    },
    status: {
      addresses: [{ type: 'InternalIP', address: over.address ?? '10.0.0.1' }],
      conditions: [
        { type: 'Ready', status: over.ready ?? 'True', reason: 'KubeletReady', lastTransitionTime: t0 },
        ...(over.conditions ?? []),
      ],
    },
  };
}

export function aReplicaSet(
  over: {
    readonly name?: string;
    readonly replicas?: number;
    readonly status?: Partial<ReplicaSetStatus>;
    readonly image?: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
    readonly created?: string;
  } = {},
): ReplicaSet {
  const labels = over.labels ?? { app: 'web' };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: aMeta({
      ...(over.name === undefined ? {} : { name: over.name }),
      annotations: over.annotations,
      creationTimestamp: over.created ?? t0,
    }),
    spec: {
      replicas: over.replicas ?? 1,
      selector: { matchLabels: labels },
      template: {
        metadata: aTemplateMeta(labels),
        spec: { containers: [{ name: 'main', image: over.image ?? 'nginx' }] },
      },
    },
    status: { replicas: 0, observedGeneration: 1, ...over.status },
  };
}

export function aDeployment(
  over: {
    readonly spec?: Partial<DeploymentSpec>;
    readonly status?: DeploymentStatus;
    readonly annotations?: Record<string, string>;
    readonly image?: string;
  } = {},
): Deployment {
  const labels = { app: 'web' };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: aMeta({ name: 'web', annotations: over.annotations }),
    spec: {
      replicas: 3,
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      selector: { matchLabels: labels },
      template: {
        metadata: aTemplateMeta(labels),
        spec: { containers: [{ name: 'main', image: over.image ?? 'nginx' }] },
      },
      ...over.spec,
    },
    status: over.status,
  };
}

export function aService(spec: Partial<ServiceSpec> = {}, labels?: Record<string, string>): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: aMeta({ name: 'web', labels }),
    spec: { clusterIP: '10.96.0.10', selector: { app: 'web' }, ports: [{ port: 80 }], ...spec },
  };
}

export function aJob(spec: Partial<JobSpec> = {}, status?: JobStatus): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: aMeta({ name: 'work' }),
    spec: {
      ...{ parallelism: 1, completions: 1, backoffLimit: 6, completionMode: 'NonIndexed' },
      template: {
        metadata: aTemplateMeta({ 'job-name': 'work' }),
        spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'busybox' }] },
      },
      ...spec,
    },
    status,
  };
}

/** A tracked pod of a Job. */
export function aJobPod(phase: string, over: { index?: number; exitCode?: number } = {}): Pod {
  const annotations =
    over.index === undefined ? undefined : { 'batch.kubernetes.io/job-completion-index': String(over.index) };
  const pod = aPod({
    phase,
    ready: phase === 'Running',
    ...(annotations === undefined ? {} : { annotations }),
  });
  pod.metadata.finalizers = ['batch.kubernetes.io/job-tracking'];
  const [status] = pod.status?.containerStatuses ?? [];
  if (status !== undefined && over.exitCode !== undefined)
    status.state = { terminated: { exitCode: over.exitCode, finishedAt: t0 } };
  return pod;
}
