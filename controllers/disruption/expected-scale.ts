import type { Pod } from '../../api/generated/core-v1.ts';
import type { OwnerReference } from '../../api/generated/meta-v1.ts';
import { controllerOf } from '../ownership.ts';
import type { ScaleClient } from '../scale-client.ts';
import type { SharedInformers } from '../shared-informers.ts';

export interface ExpectedScale {
  readonly scale: number;
  /** Pods that nobody controls: what is expected of them cannot be known. */
  readonly unmanaged: readonly Pod[];
}

interface Scaled {
  readonly metadata: { readonly uid: string };
  readonly spec: { readonly replicas?: number | undefined };
}

/** How many pods the owners of `pods` ask for, each owner counted once. @throws when an owner has no scale */
export async function expectedScale(
  pods: readonly Pod[],
  informers: SharedInformers,
  scales: ScaleClient,
): Promise<ExpectedScale> {
  const perOwner = new Map<string, number>();
  const resolved = new Set<string>();
  const unmanaged: Pod[] = [];
  for (const pod of pods) {
    const owner = controllerOf(pod);
    if (owner === undefined) {
      unmanaged.push(pod);
      continue;
    }
    if (resolved.has(owner.uid)) continue;
    resolved.add(owner.uid);
    const scaled = await scaledOwner(pod.metadata.namespace ?? '', owner, informers, scales);
    if (scaled === undefined) throw new Error(`found no controllers for pod "${pod.metadata.name}"`);
    perOwner.set(scaled.uid, scaled.replicas);
  }
  return { scale: [...perOwner.values()].reduce((sum, replicas) => sum + replicas, 0), unmanaged };
}

interface OwnerScale {
  readonly uid: string;
  readonly replicas: number;
}

async function scaledOwner(
  namespace: string,
  owner: OwnerReference,
  informers: SharedInformers,
  scales: ScaleClient,
): Promise<OwnerScale | undefined> {
  const cached = (object: Scaled | undefined): OwnerScale | undefined =>
    object === undefined || object.metadata.uid !== owner.uid
      ? undefined
      : { uid: owner.uid, replicas: object.spec.replicas ?? 1 };
  switch (`${owner.apiVersion} ${owner.kind}`) {
    case 'apps/v1 ReplicaSet': {
      const replicaSet = informers.replicaSets.lister.get(namespace, owner.name);
      const above = replicaSet === undefined ? undefined : controllerOf(replicaSet);
      if (above?.kind !== 'Deployment') return cached(replicaSet);
      const deployment = informers.deployments.lister.get(namespace, above.name);
      return deployment === undefined || deployment.metadata.uid !== above.uid
        ? undefined
        : { uid: above.uid, replicas: deployment.spec.replicas ?? 1 };
    }
    case 'apps/v1 StatefulSet':
      return cached(informers.statefulSets.lister.get(namespace, owner.name));
    case 'v1 ReplicationController':
      return cached(informers.replicationControllers.lister.get(namespace, owner.name));
    default: {
      const scale = await scales.get(namespace, owner);
      return scale?.metadata.uid === owner.uid
        ? { uid: owner.uid, replicas: scale.spec.replicas ?? 0 }
        : undefined;
    }
  }
}
