import type { PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.ts';
import { keyOf, objectKey } from '../../client/object-key.ts';
import type { Expectations } from '../expectations.ts';
import { controllerOf } from '../ownership.ts';
import { isTerminating } from '../pod-state.ts';
import { selectingPods } from '../selector-index.ts';
import type { SharedInformers } from '../shared-informers.ts';

/** Turns events into keys of StatefulSets, and tells the expectations what the cache shows. */
export function watchStatefulSets(
  informers: SharedInformers,
  expectations: Expectations,
  enqueue: (key: string) => void,
): void {
  informers.statefulSets.addHandler({
    onAdd: (set) => enqueue(keyOf(set)),
    onUpdate: (_previous, set) => enqueue(keyOf(set)),
    onDelete: (set) => {
      expectations.forget(keyOf(set));
      enqueue(keyOf(set));
    },
  });
  const observe = (pod: Pod): void => {
    const owner = ownerKey(pod);
    if (owner === undefined) {
      if (controllerOf(pod) !== undefined || isTerminating(pod)) return;
      for (const set of selectingPods(informers.statefulSets.lister, pod, ({ spec }) => spec.selector))
        enqueue(keyOf(set));
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
      const owner = ownerKey(pod) ?? setOfName(informers, pod.metadata.namespace, pod.metadata.name);
      if (owner === undefined) return;
      expectations.creationObserved(owner, pod.metadata.name);
      expectations.deletionObserved(owner, pod.metadata.uid);
      enqueue(owner);
    },
  });
  // A replica may wait for the claim of its predecessor to be gone.
  informers.volumeClaims.addHandler({ onDelete: (claim) => enqueueClaim(informers, claim, enqueue) });
}

function enqueueClaim(
  informers: SharedInformers,
  { metadata }: PersistentVolumeClaim,
  enqueue: (key: string) => void,
): void {
  const owner = metadata.ownerReferences?.find(({ kind }) => kind === 'Pod');
  const key = setOfName(informers, metadata.namespace, owner?.name ?? '');
  if (key !== undefined) enqueue(key);
}

/** The set that a pod of this name would belong to. A pod that somebody else made may stand in its way. */
function setOfName(
  informers: SharedInformers,
  namespace: string | undefined,
  podName: string,
): string | undefined {
  const parent = /^(.*)-\d+$/.exec(podName)?.[1];
  if (parent === undefined) return undefined;
  const set = informers.statefulSets.lister.get(namespace, parent);
  return set === undefined ? undefined : keyOf(set);
}

function ownerKey(pod: Pod): string | undefined {
  const owner = controllerOf(pod);
  return owner?.kind === 'StatefulSet' ? objectKey(pod.metadata.namespace, owner.name) : undefined;
}
