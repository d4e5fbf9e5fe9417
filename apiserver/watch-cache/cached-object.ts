import type { AnyObject } from '../../api/kind-info.ts';
import type { ObjectPath } from '../storage/keys.ts';
import type { CachedObject } from './read-cache.ts';

/** The selectable fields of an object beside metadata.name and metadata.namespace, as Kubernetes defines them. */
export type FieldsOf = (resource: string, object: AnyObject) => ReadonlyMap<string, string>;

/** What the cache keeps beside `CachedObject`: the uids of its owners. */
export interface IndexedObject extends CachedObject {
  readonly owners: readonly string[];
}

const none: ReadonlyMap<string, string> = new Map();

/** Takes out what is selected by; parses `json` for it unless its `object` is at hand, which is not kept. */
export function indexObject(
  path: ObjectPath,
  stored: {
    readonly key: string;
    readonly version: number;
    readonly json: Buffer;
    readonly object?: AnyObject;
  },
  fieldsOf: FieldsOf,
): IndexedObject {
  const object = stored.object ?? (JSON.parse(stored.json.toString()) as AnyObject);
  const { labels, ownerReferences, uid } = object.metadata;
  return {
    key: stored.key,
    resource: path.resource,
    namespace: path.namespace,
    name: path.name,
    uid: uid ?? '',
    version: stored.version,
    json: stored.json,
    labels: labels === undefined ? none : new Map(Object.entries(labels)),
    fields: fieldsOf(path.resource, object),
    owners: ownerReferences?.map((owner) => owner.uid) ?? [],
  };
}
