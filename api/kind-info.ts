import type { ObjectMeta } from './generated/meta-v1.ts';

/** What every stored API object has. Concrete kinds (`Pod`, `Service`, ...) are in `api/generated/`. */
export interface ApiObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** An object of unknown kind, as decoded from the wire: everything beside the envelope is `unknown`. */
export interface AnyObject extends ApiObject {
  [field: string]: unknown;
}

/** An object as a client sends it to be created: the server fills in the rest of the metadata. */
export type NewObject<T extends ApiObject> = Omit<T, 'metadata'> & { metadata: Partial<T['metadata']> };

/**
 * Names a REST resource and, for the compiler, the type of its objects.
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
 */
export interface ResourceType<T extends ApiObject> {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Never set: carries `T`. */
  readonly __object?: T;
}

/** A subresource of a kind, e.g. `status` or `scale`, and the kind of its body. */
export interface SubresourceInfo {
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: readonly string[];
}

/** All that discovery says of one kind in one group version. */
export interface KindInfo {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly subresources: readonly SubresourceInfo[];
  /** Definition name in `api/facts/schemas.json`; empty when the kind has no schema there. */
  readonly schema: string;
}

/** `apps` + `v1` -> `apps/v1`; the core group is just `v1`. */
export function toApiVersion(type: { readonly group: string; readonly version: string }): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}
