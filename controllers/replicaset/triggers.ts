import type { ApiObject } from '../../api/kind-info.ts';
import { keyOf } from '../../client/object-key.ts';
import { type PodOwners, watchOwnedPods } from '../owned-pods.ts';

/** Turns events into keys of the objects that own pods, and tells the expectations what the cache shows. */
export function watchReplicas<T extends ApiObject>(triggers: PodOwners<T>): void {
  const { owners, expectations } = triggers;
  owners.addHandler({
    onAdd: (object) => triggers.enqueue(keyOf(object)),
    onUpdate: (_previous, object) => triggers.enqueue(keyOf(object)),
    onDelete: (object) => {
      expectations.forget(keyOf(object));
      triggers.enqueue(keyOf(object));
    },
  });
  watchOwnedPods(triggers);
}
