/** More, fewer or other pods of a workload, as the change that it is. Pure. */
import type { Pod, PodTemplateSpec } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import type { Waiting } from './change.ts';
import { type KnownPod, toKnownPod } from './known-pod.ts';
import type { Snapshot } from './snapshot.ts';

/** What makes pods from a template: the workload itself, or a Deployment's newest ReplicaSet. */
export interface PodMaker {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly namespace: string;
  readonly template: PodTemplateSpec;
}

interface WorkloadSpec {
  readonly replicas?: number;
  readonly parallelism?: number;
  readonly completions?: number;
  readonly template?: PodTemplateSpec;
}

export const workloadKinds: ReadonlySet<string> = new Set([
  'Deployment',
  'ReplicaSet',
  'ReplicationController',
  'StatefulSet',
  'Job',
]);

export const specOf = (object: AnyObject): WorkloadSpec => Object(object['spec']);

interface WorkloadStatus {
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason?: string;
    readonly message?: string;
  }[];
}

export const statusOf = (object: AnyObject): WorkloadStatus => Object(object['status']);

export function replicasOf(object: AnyObject): number {
  const { replicas = 1, parallelism = 1, completions } = specOf(object);
  return object.kind === 'Job' ? Math.min(parallelism, completions ?? parallelism) : replicas;
}

const revisionOf = ({ metadata }: AnyObject): number =>
  Number(metadata.annotations?.['deployment.kubernetes.io/revision'] ?? 0);

const isOwnedBy = ({ metadata }: AnyObject, uid: string | undefined): boolean =>
  metadata.ownerReferences?.some((owner) => owner.controller === true && owner.uid === uid) === true;

/** @param replicaSets of the namespace; looked at for a Deployment only */
export function makersOf(workload: AnyObject, replicaSets: readonly AnyObject[]): readonly AnyObject[] {
  if (workload.kind !== 'Deployment') return [workload];
  return replicaSets
    .filter((each) => isOwnedBy(each, workload.metadata.uid))
    .sort((left, right) => revisionOf(right) - revisionOf(left));
}

export function toMaker(object: AnyObject, kind: string): PodMaker | undefined {
  const { template } = specOf(object);
  const { name, uid, namespace } = object.metadata;
  if (template === undefined) return undefined;
  return { kind, name, uid: uid ?? `uid of ${name}`, namespace: namespace ?? 'default', template };
}

/** A pod as its maker would create it. */
export function podOf({ kind, name, uid, namespace, template }: PodMaker, podName: string): Pod {
  const owner = { apiVersion: 'apps/v1', kind, name, uid, controller: true };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...template.metadata, name: podName, namespace, ownerReferences: [owner] },
    spec: template.spec,
  } as Pod;
}

export const podsOf = (snapshot: Snapshot, makers: readonly AnyObject[]): KnownPod[] => {
  const uids = new Set(makers.map(({ metadata }) => metadata.uid));
  return [...snapshot.pods.values()].filter(({ owner }) => owner !== undefined && uids.has(owner.uid));
};

/** The same pod `count` times under names of its own. */
export function comingPods(snapshot: Snapshot, model: Pod, names: readonly string[]): Waiting[] {
  const known = toKnownPod(model, snapshot.classOf(model));
  return names.map((name) => ({
    pod: { ...known, uid: `${known.namespace}/${name} to come`, name, nodeName: undefined },
  }));
}

export function newNames(maker: Pick<PodMaker, 'kind' | 'name'>, first: number, count: number): string[] {
  const isOrdinal = maker.kind === 'StatefulSet';
  return Array.from({ length: Math.max(0, count) }, (_, i) =>
    isOrdinal ? `${maker.name}-${first + i}` : `${maker.name}-new-${i + 1}`,
  );
}

/** Pods that a smaller number takes away: waiting ones first, then where most of them share a node, then the newest. */
export function surplusOf(
  pods: readonly KnownPod[],
  replicas: number,
  isOrdinal: boolean,
): readonly KnownPod[] {
  const count = pods.length - replicas;
  if (count <= 0) return [];
  if (isOrdinal) return [...pods].sort((a, b) => ordinalOf(b) - ordinalOf(a)).slice(0, count);
  if (replicas === 0) return pods;
  const left = new Set(pods);
  const crowds = new Map<string, number>();
  const crowd = (pod: KnownPod, by: number): void => {
    const at = pod.nodeName ?? '';
    crowds.set(at, (crowds.get(at) ?? 0) + by);
  };
  for (const pod of pods) crowd(pod, 1);
  const rank = ({ nodeName }: KnownPod): number =>
    nodeName === undefined ? Number.POSITIVE_INFINITY : (crowds.get(nodeName) ?? 0);
  const surplus: KnownPod[] = [];
  while (surplus.length < count) {
    const next = [...left].reduce((best, pod) =>
      rank(pod) > rank(best) || (rank(pod) === rank(best) && pod.createdAt > best.createdAt) ? pod : best,
    );
    left.delete(next);
    crowd(next, -1);
    surplus.push(next);
  }
  return surplus;
}

const ordinalOf = ({ name }: KnownPod): number => Number(name.slice(name.lastIndexOf('-') + 1));
