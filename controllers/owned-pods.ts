import type { Pod } from '../api/generated/core-v1.ts';
import type { LabelSelector } from '../api/generated/meta-v1.ts';
import type { ApiObject } from '../api/kind-info.ts';
import type { Informer } from '../client/informer.ts';
import { keyOf, objectKey } from '../client/object-key.ts';
import type { Expectations } from './expectations.ts';
import { controllerOf } from './ownership.ts';
import { isTerminating } from './pod-state.ts';
import { selectingPods } from './selector-index.ts';

export interface PodOwners<T extends ApiObject> {
  /** As owner references name it. */
  readonly kind: string;
  readonly owners: Informer<T>;
  readonly pods: Informer<Pod>;
  readonly expectations: Expectations;
  selectorOf(owner: T): LabelSelector | undefined;
  /** The key of the object that a pod without an owner of this kind has stood in the way of until it was deleted. */
  freedBy?(pod: Pod): string | undefined;
  /** @param isSettled the event shows the last of what the owner had done and waited for */
  enqueue(key: string, isSettled: boolean): void;
}

/** Turns events of pods into keys of the objects that own them, and tells the expectations what the cache shows. */
export function watchOwnedPods<T extends ApiObject>(watched: PodOwners<T>): void {
  const { kind, pods, expectations } = watched;
  const ownerKey = (pod: Pod): string | undefined => {
    const owner = controllerOf(pod);
    return owner?.kind === kind ? objectKey(pod.metadata.namespace, owner.name) : undefined;
  };
  const observe = (pod: Pod): void => {
    const owner = ownerKey(pod);
    if (owner === undefined) {
      enqueueSelecting(watched, pod);
      return;
    }
    const isMade = expectations.creationObserved(owner, pod.metadata.name);
    const isEnded = isTerminating(pod) && expectations.deletionObserved(owner, pod.metadata.uid);
    watched.enqueue(owner, isMade || isEnded);
  };
  pods.addHandler({
    onAdd: observe,
    onUpdate: (previous, pod) => {
      const before = ownerKey(previous);
      if (before !== undefined && before !== ownerKey(pod)) watched.enqueue(before, false);
      observe(pod);
    },
    onDelete: (pod) => {
      const owner = ownerKey(pod) ?? watched.freedBy?.(pod);
      if (owner === undefined) return;
      const isMade = expectations.creationObserved(owner, pod.metadata.name);
      const isEnded = expectations.deletionObserved(owner, pod.metadata.uid);
      watched.enqueue(owner, isMade || isEnded);
    },
  });
}

/** A pod that nobody controls may be adopted by any object that selects it. */
function enqueueSelecting<T extends ApiObject>(watched: PodOwners<T>, pod: Pod): void {
  if (controllerOf(pod) !== undefined || isTerminating(pod)) return;
  for (const owner of selectingPods(watched.owners.lister, pod, watched.selectorOf))
    watched.enqueue(keyOf(owner), false);
}
