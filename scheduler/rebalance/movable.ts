/** Which pods may be moved, and when their owners allow it. Pure. */
import type { Deployment } from '../../api/generated/apps-v1.ts';
import type { Pod, Volume } from '../../api/generated/core-v1.ts';
import type { ObjectMeta } from '../../api/generated/meta-v1.ts';

/** On a pod: `true` lets it be moved although it keeps something on its node, `false` keeps it where it is. */
export const wishAnnotation = 'coracle.dev/rebalance';

const surging: ReadonlySet<string> = new Set(['ReplicaSet', 'ReplicationController']);

/** Whether its owner can keep one pod more for a moment. */
export const canSurge = ({ metadata }: Pod): boolean =>
  (metadata.ownerReferences ?? []).some(({ controller, kind }) => controller === true && surging.has(kind));

/** Why the pod has to stay; undefined: it may be moved. */
export function reasonToStay({ metadata, spec, status }: Pod): string | undefined {
  const wish = metadata.annotations?.[wishAnnotation];
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return 'nobody would make it anew';
  if (!surging.has(owner.kind)) return `a ${owner.kind} keeps the identity of its pods`;
  if (wish === 'false') return `${wishAnnotation} says so`;
  if (metadata.deletionTimestamp !== undefined) return 'it is ending';
  if (!status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'))
    return 'it is not ready';
  const kept = (spec.volumes ?? []).find(keepsData);
  return kept === undefined || wish === 'true' ? undefined : `volume "${kept.name}" is on its node`;
}

const keepsData = ({ hostPath, emptyDir, persistentVolumeClaim, ephemeral }: Volume): boolean =>
  hostPath !== undefined ||
  persistentVolumeClaim !== undefined ||
  ephemeral !== undefined ||
  (emptyDir !== undefined && emptyDir.medium !== 'Memory');

/** What ReplicaSets and ReplicationControllers have in common. */
export interface OwnerState {
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly replicas?: number | undefined;
    readonly minReadySeconds?: number | undefined;
  };
  readonly status?:
    | {
        readonly replicas?: number | undefined;
        readonly availableReplicas?: number | undefined;
        readonly observedGeneration?: number | undefined;
      }
    | undefined;
}

/** Why nothing of this owner is moved now; undefined: it has all that it is asked for, and nothing is under way. */
export function ownerUnrest({ metadata, spec, status }: OwnerState): string | undefined {
  const replicas = spec.replicas ?? 1;
  if (metadata.deletionTimestamp !== undefined) return 'it is being deleted';
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0)) return 'its controller is behind';
  if (status?.replicas !== replicas) return `it has ${status?.replicas ?? 0} of ${replicas} pods`;
  if ((status.availableReplicas ?? 0) !== replicas)
    return `${status.availableReplicas ?? 0} of ${replicas} pods are available`;
  return undefined;
}

export function rolloutUnrest({ metadata, spec, status }: Deployment): string | undefined {
  const replicas = spec.replicas ?? 1;
  if (metadata.deletionTimestamp !== undefined) return 'it is being deleted';
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0)) return 'its controller is behind';
  const isDone =
    status?.replicas === replicas &&
    (status.updatedReplicas ?? 0) === replicas &&
    (status.availableReplicas ?? 0) === replicas;
  return isDone ? undefined : 'its rollout is under way';
}
