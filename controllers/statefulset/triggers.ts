import type { PersistentVolumeClaim } from '../../api/generated/core-v1.ts';
import { keyOf } from '../../client/object-key.ts';
import type { Expectations } from '../expectations.ts';
import { watchOwnedPods } from '../owned-pods.ts';
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
  watchOwnedPods({
    ...{ kind: 'StatefulSet', owners: informers.statefulSets, pods: informers.pods, expectations },
    selectorOf: ({ spec }) => spec.selector,
    freedBy: ({ metadata }) => setOfName(informers, metadata.namespace, metadata.name),
    enqueue,
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
