import type { ApiObject } from '../../api/kind-info.ts';
import { keyOf, splitKey } from '../../client/object-key.ts';
import { type PodOwners, watchOwnedPods } from '../owned-pods.ts';

/** A reconciliation looks at all pods of its object: the more there are, the more of their events are taken together. */
const batchPerPodMs = 0.02;
const longestBatchMs = 200;
/** Not worth a timer. */
const shortestBatchMs = 5;

export interface ReplicaTriggers<T extends ApiObject> extends Omit<PodOwners<T>, 'enqueue'> {
  /** How many pods the object has had lately. */
  sizeOf(object: T): number;
  enqueueAfter(key: string, delayMs: number): void;
}

/** Turns events into keys of the objects that own pods, and tells the expectations what the cache shows. */
export function watchReplicas<T extends ApiObject>(triggers: ReplicaTriggers<T>): void {
  const { owners, expectations } = triggers;
  const enqueue = (object: T): void => triggers.enqueueAfter(keyOf(object), 0);
  owners.addHandler({
    onAdd: enqueue,
    onUpdate: (_previous, object) => enqueue(object),
    onDelete: (object) => {
      expectations.forget(keyOf(object));
      enqueue(object);
    },
  });
  const sizeOf = (key: string): number => {
    const { namespace, name } = splitKey(key);
    const object = owners.lister.get(namespace, name);
    return object === undefined ? 0 : triggers.sizeOf(object);
  };
  watchOwnedPods({
    ...triggers,
    enqueue: (key, isSettled) => triggers.enqueueAfter(key, isSettled ? 0 : batchMs(sizeOf(key))),
  });
}

/** How long events of an object with so many pods are taken together. */
export function batchMs(pods: number): number {
  const delayMs = pods * batchPerPodMs;
  return delayMs < shortestBatchMs ? 0 : Math.min(longestBatchMs, delayMs);
}
