import type { Namespace } from '../api/generated/core-v1.ts';
import type { ApiObject, NewObject, ResourceType } from '../api/kind-info.ts';
import { isAlreadyExists, isNotFound } from '../api/status-error.ts';
import type { ApiClient } from '../client/client.ts';
import type { Informer } from '../client/informer.ts';

/** For loops that keep one object in every namespace: their keys are namespaces' names. */
export function enqueueNamespaces<T extends ApiObject>(
  namespaces: Informer<Namespace>,
  objects: Informer<T>,
  enqueue: (namespace: string) => void,
): void {
  namespaces.addHandler({
    onAdd: ({ metadata }) => enqueue(metadata.name),
    onUpdate: (_previous, { metadata }) => enqueue(metadata.name),
  });
  const enqueueOf = ({ metadata }: ApiObject): void => enqueue(metadata.namespace ?? '');
  objects.addHandler({ onUpdate: (_previous, object) => enqueueOf(object), onDelete: enqueueOf });
}

export function isLiving(namespace: Namespace | undefined): boolean {
  return namespace !== undefined && namespace.metadata.deletionTimestamp === undefined;
}

/** Creates `object`; one that is there already, or whose namespace has gone meanwhile, is as good. */
export async function createUnlessPresent<T extends ApiObject>(
  client: ApiClient,
  type: ResourceType<T>,
  object: NewObject<T>,
): Promise<void> {
  try {
    await client.create(type, object);
  } catch (error) {
    if (!isAlreadyExists(error) && !isNotFound(error)) throw error;
  }
}
