import type { ApiObject } from '../api/kind-info.ts';

/** `namespace/name`, or `name` for cluster-scoped kinds: the key of work queues and stores. */
export const objectKey = (namespace: string | undefined, name: string): string =>
  namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;

export const keyOf = (object: Pick<ApiObject, 'metadata'>): string =>
  objectKey(object.metadata.namespace, object.metadata.name);

/** Reverse of `objectKey`. */
export function splitKey(key: string): { readonly namespace: string | undefined; readonly name: string } {
  const slash = key.indexOf('/');
  return slash === -1
    ? { namespace: undefined, name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
