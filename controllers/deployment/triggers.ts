import type { Deployment, ReplicaSet } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { fromLabelSelector, matchesSelector } from '../../api/selector.ts';
import { keyOf, objectKey } from '../../client/object-key.ts';
import { controllerOf } from '../ownership.ts';
import type { SharedInformers } from '../shared-informers.ts';

/** Turns events into keys of Deployments. */
export function watchDeployments(informers: SharedInformers, enqueue: (key: string) => void): void {
  informers.deployments.addHandler({
    onAdd: (deployment) => enqueue(keyOf(deployment)),
    onUpdate: (_previous, deployment) => enqueue(keyOf(deployment)),
    onDelete: (deployment) => enqueue(keyOf(deployment)),
  });
  const enqueueOwner = (replicaSet: ReplicaSet): void => {
    const owner = ownerKey(replicaSet);
    if (owner !== undefined) enqueue(owner);
    else if (controllerOf(replicaSet) === undefined) enqueueSelecting(informers, replicaSet, enqueue);
  };
  informers.replicaSets.addHandler({
    onAdd: enqueueOwner,
    onUpdate: (previous, replicaSet) => {
      const before = ownerKey(previous);
      if (before !== undefined && before !== ownerKey(replicaSet)) enqueue(before);
      enqueueOwner(replicaSet);
    },
    onDelete: enqueueOwner,
  });
  // Recreate waits for the last old pod to go.
  informers.pods.addHandler({ onDelete: (pod) => enqueueRecreating(informers, pod, enqueue) });
}

function ownerKey(replicaSet: ReplicaSet): string | undefined {
  const owner = controllerOf(replicaSet);
  return owner?.kind === 'Deployment' ? objectKey(replicaSet.metadata.namespace, owner.name) : undefined;
}

function enqueueSelecting(
  informers: SharedInformers,
  replicaSet: ReplicaSet,
  enqueue: (key: string) => void,
): void {
  for (const deployment of informers.deployments.lister.list(replicaSet.metadata.namespace))
    if (selects(deployment, replicaSet)) enqueue(keyOf(deployment));
}

function selects(deployment: Deployment, replicaSet: ReplicaSet): boolean {
  const selector = fromLabelSelector(deployment.spec.selector);
  return (
    selector !== undefined && selector.length > 0 && matchesSelector(selector, replicaSet.metadata.labels)
  );
}

function enqueueRecreating(informers: SharedInformers, pod: Pod, enqueue: (key: string) => void): void {
  const owner = controllerOf(pod);
  if (owner?.kind !== 'ReplicaSet') return;
  const replicaSet = informers.replicaSets.lister.get(pod.metadata.namespace, owner.name);
  const key = replicaSet === undefined ? undefined : ownerKey(replicaSet);
  if (replicaSet === undefined || key === undefined) return;
  const deployment = informers.deployments.lister.get(
    pod.metadata.namespace,
    controllerOf(replicaSet)?.name ?? '',
  );
  if (deployment?.spec.strategy?.type === 'Recreate') enqueue(key);
}
