import type { Pod } from '../../api/generated/core-v1.ts';
import type { LabelSelector } from '../../api/generated/meta-v1.ts';
import type { ApiObject } from '../../api/kind-info.ts';
import type { Informer } from '../../client/informer.ts';
import { keyOf, objectKey } from '../../client/object-key.ts';
import type { Expectations } from '../expectations.ts';
import { controllerOf } from '../ownership.ts';
import { isTerminating } from '../pod-state.ts';
import { selectingPods } from '../selector-index.ts';

export interface ReplicaTriggers<T extends ApiObject> {
  /** As owner references name it. */
  readonly kind: string;
  readonly informer: Informer<T>;
  readonly pods: Informer<Pod>;
  readonly expectations: Expectations;
  selectorOf(object: T): LabelSelector | undefined;
  enqueue(key: string): void;
}

/** Turns events into keys of the objects that own pods, and tells the expectations what the cache shows. */
export function watchReplicas<T extends ApiObject>(triggers: ReplicaTriggers<T>): void {
  const { informer, expectations } = triggers;
  informer.addHandler({
    onAdd: (object) => triggers.enqueue(keyOf(object)),
    onUpdate: (_previous, object) => triggers.enqueue(keyOf(object)),
    onDelete: (object) => {
      expectations.forget(keyOf(object));
      triggers.enqueue(keyOf(object));
    },
  });
  const ownerKey = (pod: Pod): string | undefined => {
    const owner = controllerOf(pod);
    return owner?.kind === triggers.kind ? objectKey(pod.metadata.namespace, owner.name) : undefined;
  };
  const observe = (pod: Pod): void => {
    const owner = ownerKey(pod);
    if (owner === undefined) {
      enqueueSelecting(triggers, pod);
      return;
    }
    expectations.creationObserved(owner, pod.metadata.name);
    if (isTerminating(pod)) expectations.deletionObserved(owner, pod.metadata.uid);
    triggers.enqueue(owner);
  };
  triggers.pods.addHandler({
    onAdd: observe,
    onUpdate: (previous, pod) => {
      const before = ownerKey(previous);
      if (before !== undefined && before !== ownerKey(pod)) triggers.enqueue(before);
      observe(pod);
    },
    onDelete: (pod) => {
      const owner = ownerKey(pod);
      if (owner === undefined) return;
      expectations.creationObserved(owner, pod.metadata.name);
      expectations.deletionObserved(owner, pod.metadata.uid);
      triggers.enqueue(owner);
    },
  });
}

/** A pod that nobody controls may be adopted by any object that selects it. */
function enqueueSelecting<T extends ApiObject>(triggers: ReplicaTriggers<T>, pod: Pod): void {
  if (controllerOf(pod) !== undefined || isTerminating(pod)) return;
  const { lister } = triggers.informer;
  for (const object of selectingPods(lister, pod, triggers.selectorOf)) triggers.enqueue(keyOf(object));
}
