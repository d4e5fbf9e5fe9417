import type { ReplicaSet } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { fromLabelSelector, matchesSelector } from '../../api/selector.ts';
import { keyOf, objectKey } from '../../client/object-key.ts';
import type { Expectations } from '../expectations.ts';
import { controllerOf } from '../ownership.ts';
import { isTerminating } from '../pod-state.ts';
import type { SharedInformers } from '../shared-informers.ts';

/** Turns events into keys of ReplicaSets, and tells the expectations what the cache shows. */
export function watchReplicaSets(
  informers: SharedInformers,
  expectations: Expectations,
  enqueue: (key: string) => void,
): void {
  informers.replicaSets.addHandler({
    onAdd: (replicaSet) => enqueue(keyOf(replicaSet)),
    onUpdate: (_previous, replicaSet) => enqueue(keyOf(replicaSet)),
    onDelete: (replicaSet) => {
      expectations.forget(keyOf(replicaSet));
      enqueue(keyOf(replicaSet));
    },
  });
  const observe = (pod: Pod): void => {
    const owner = ownerKey(pod);
    if (owner === undefined) {
      enqueueSelecting(informers, pod, enqueue);
      return;
    }
    expectations.creationObserved(owner, pod.metadata.name);
    if (isTerminating(pod)) expectations.deletionObserved(owner, pod.metadata.uid);
    enqueue(owner);
  };
  informers.pods.addHandler({
    onAdd: observe,
    onUpdate: (previous, pod) => {
      const before = ownerKey(previous);
      if (before !== undefined && before !== ownerKey(pod)) enqueue(before);
      observe(pod);
    },
    onDelete: (pod) => {
      const owner = ownerKey(pod);
      if (owner === undefined) return;
      expectations.creationObserved(owner, pod.metadata.name);
      expectations.deletionObserved(owner, pod.metadata.uid);
      enqueue(owner);
    },
  });
}

function ownerKey(pod: Pod): string | undefined {
  const owner = controllerOf(pod);
  return owner?.kind === 'ReplicaSet' ? objectKey(pod.metadata.namespace, owner.name) : undefined;
}

/** A pod that nobody controls may be adopted by any ReplicaSet that selects it. */
function enqueueSelecting(informers: SharedInformers, pod: Pod, enqueue: (key: string) => void): void {
  if (controllerOf(pod) !== undefined || isTerminating(pod)) return;
  for (const replicaSet of informers.replicaSets.lister.list(pod.metadata.namespace))
    if (selects(replicaSet, pod)) enqueue(keyOf(replicaSet));
}

function selects(replicaSet: ReplicaSet, pod: Pod): boolean {
  const selector = fromLabelSelector(replicaSet.spec.selector);
  return selector !== undefined && selector.length > 0 && matchesSelector(selector, pod.metadata.labels);
}
