import type { AnyObject } from '../../api/kind-info.ts';
import type { ObjectPath } from '../storage/keys.ts';
import type { IndexChanges } from '../storage/storage.ts';
import { outlineOf } from './outline.ts';
import type { CachedObject } from './read-cache.ts';
import { type FieldValues, type SharedValues, withFields } from './shared-values.ts';

/** The selectable fields of an object beside metadata.name and metadata.namespace, as Kubernetes defines them. */
export type FieldsOf = (resource: string, object: AnyObject) => FieldValues;

/** What the cache keeps beside `CachedObject`: the uids of its owners. */
export interface IndexedObject extends CachedObject {
  /** The same bytes may move to other memory. */
  json: Buffer;
  readonly owners: readonly string[];
}

const noOwners: readonly string[] = [];

/** Takes out what is selected by; parses that part of `json` unless its `object` is at hand, which is not kept. */
export function indexObject(
  path: ObjectPath,
  stored: {
    readonly key: string;
    readonly version: number;
    readonly json: Buffer;
    readonly object?: AnyObject;
  },
  { fieldsOf, shared }: { readonly fieldsOf: FieldsOf; readonly shared: SharedValues },
): IndexedObject {
  const object = stored.object ?? outlineOf(stored.json);
  const { labels, ownerReferences, uid } = object.metadata;
  return {
    key: stored.key,
    resource: shared.string(path.resource),
    namespace: shared.string(path.namespace),
    name: path.name,
    uid: uid ?? '',
    version: stored.version,
    json: stored.json,
    labels: shared.labels(labels),
    fields: fieldsOf(path.resource, object),
    owners: ownerReferences?.map((owner) => shared.string(owner.uid)) ?? noOwners,
  };
}

/** `object` with other bytes, of which it is certain that they are indexed as its own. */
export function withBytes(object: IndexedObject, version: number, json: Buffer): IndexedObject {
  const { key, resource, namespace, name, uid, labels, fields, owners } = object;
  return { key, resource, namespace, name, uid, version, json, labels, fields, owners };
}

/** `object` with other labels and fields. */
export function withChanges(
  object: IndexedObject,
  { labels, fields }: IndexChanges,
  shared: SharedValues,
): IndexedObject {
  return {
    ...object,
    labels:
      labels === undefined
        ? object.labels
        : shared.labels({ ...Object.fromEntries(object.labels), ...labels }),
    fields: fields === undefined ? object.fields : withFields(object.fields, fields, shared),
  };
}
