import { expect } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import { pods } from '../../api/generated/resources.ts';
import type { ApiObject, ResourceType } from '../../api/kind-info.ts';
import type { ApiClient, ObjectRef } from '../../client/client.ts';
import { eventually } from './eventually.ts';

interface ObservedObject extends ApiObject {
  readonly status?: { readonly observedGeneration?: number | undefined } | undefined;
}

/** The object, once its controller has seen the latest of it and its status has these fields. */
export function untilObserved<T extends ObservedObject>(
  client: ApiClient,
  type: ResourceType<T>,
  ref: ObjectRef,
  status: Partial<NonNullable<T['status']>>,
): Promise<T> {
  return eventually(async () => {
    const object = await client.get(type, ref);
    expect(object.status?.observedGeneration).toBe(object.metadata.generation);
    expect(object.status).toMatchObject(status);
    return object;
  });
}

/** Pods of the namespace `default` that are not ending. */
export async function livePods(client: ApiClient, labelSelector?: string): Promise<Pod[]> {
  const { items } = await client.list(pods, { namespace: 'default', labelSelector });
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}
