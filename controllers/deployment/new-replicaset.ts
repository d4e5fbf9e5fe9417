import type { Deployment, ReplicaSet } from '../../api/generated/apps-v1.ts';
import { deployments } from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import { TerminalError } from '../loop.ts';
import { toControllerReference } from '../ownership.ts';
import { isSame } from '../structural-equality.ts';
import { templateHash } from '../template-hash.ts';
import { newReplicaSetAnnotations, nextRevision, revisionOf } from './annotations.ts';
import { newReplicaSetSize } from './rolling-update.ts';
import type { RolloutState } from './scaling.ts';
import { templateHashLabel } from './template.ts';

/** The replica set of the current template as it is to be created. */
export function toNewReplicaSet({ deployment, oldReplicaSets }: RolloutState): NewObject<ReplicaSet> {
  const { metadata, spec } = deployment;
  const hash = templateHash(spec.template, deployment.status?.collisionCount);
  const templateMetadata = spec.template.metadata;
  if (templateMetadata === undefined) throw new TerminalError(`template of ${metadata.name} has no labels`);
  const hashed = { ...templateMetadata.labels, [templateHashLabel]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${metadata.name}-${hash}`,
      namespace: metadata.namespace,
      labels: hashed,
      annotations: newReplicaSetAnnotations(deployment, undefined, nextRevision(oldReplicaSets)),
      ownerReferences: [toControllerReference(deployments, deployment)],
    },
    spec: {
      replicas: newReplicaSetSize(deployment, oldReplicaSets, 0),
      ...(spec.minReadySeconds === undefined ? {} : { minReadySeconds: spec.minReadySeconds }),
      selector: {
        ...spec.selector,
        matchLabels: { ...spec.selector.matchLabels, [templateHashLabel]: hash },
      },
      template: { ...spec.template, metadata: { ...templateMetadata, labels: hashed } },
    },
  };
}

/** The existing current replica set with the annotations that it is to have; undefined when it has them. */
export function planNewReplicaSetUpdate(state: RolloutState): ReplicaSet | undefined {
  const { deployment, newReplicaSet, oldReplicaSets } = state;
  if (newReplicaSet === undefined) return undefined;
  const { metadata, spec } = newReplicaSet;
  const annotations = newReplicaSetAnnotations(deployment, newReplicaSet, nextRevision(oldReplicaSets));
  const minReadySeconds = deployment.spec.minReadySeconds;
  if (isSame(annotations, metadata.annotations) && (minReadySeconds ?? 0) === (spec.minReadySeconds ?? 0))
    return undefined;
  return { ...newReplicaSet, metadata: { ...metadata, annotations }, spec: { ...spec, minReadySeconds } };
}

/** The revision that the Deployment is to show, if it does not yet. */
export function missingRevision(deployment: Deployment, newReplicaSet: ReplicaSet): string | undefined {
  const revision = revisionOf(newReplicaSet);
  return revision !== 0n && revision !== revisionOf(deployment) ? String(revision) : undefined;
}
