import type { AnyObject } from '../../api/kind-info.ts';
import { prepareObject, spliceVersion } from '../storage/envelope.ts';
import { keyOf } from '../storage/keys.ts';
import type { IndexedObject } from './cached-object.ts';

/**
 * A resource that is made of another one's objects and stored nowhere: for each of them there is one, of the same name
 * and uid, that says a part of what it says. It is read and watched like every resource. What of a source changes
 * without changing that part makes no event.
 *
 * An object's version is one that its source had: the last that changed it, or, since a cache begins with the present,
 * a later one. So every server can go on with what another has begun.
 *
 * Cost: one parse of a source for each of its versions, whatever the number of watchers.
 */
export interface Derivation {
  /** As all resources here: `<group>/<plural>`. Not namespaced. */
  readonly source: string;
  readonly resource: string;
  readonly kind: string;
  readonly apiVersion: string;
  /** What it says beside name and uid. Pure. */
  fieldsOf(source: AnyObject): object;
}

export interface DerivedChange {
  readonly key: string;
  readonly version: number;
  /** Undefined when it is gone. */
  readonly object: IndexedObject | undefined;
}

const noFields: ReadonlyMap<string, string> = new Map();

/**
 * What a change of a source is to what is derived of it.
 * @param source undefined when it is gone
 * @param previous what was derived of it before
 * @returns undefined when it changes nothing
 */
export function derivedChange(
  derivation: Derivation,
  change: { readonly name: string; readonly version: number; readonly source: IndexedObject | undefined },
  previous: IndexedObject | undefined,
): DerivedChange | undefined {
  const { resource, kind, apiVersion } = derivation;
  const { name, version, source } = change;
  const key = keyOf(resource, '', name);
  if (source === undefined) return { key, version, object: undefined };
  const metadata = { name, uid: source.uid } as AnyObject['metadata'];
  const fields = derivation.fieldsOf(JSON.parse(source.json.toString()) as AnyObject);
  const prepared = prepareObject({ kind, apiVersion, metadata, ...fields });
  if (previous !== undefined && spliceVersion(prepared, previous.version).equals(previous.json))
    return undefined;
  const object: IndexedObject = {
    ...{ key, resource, namespace: '', name, uid: source.uid, version },
    ...{ json: spliceVersion(prepared, version), labels: noFields, fields: noFields, owners: [] },
  };
  return { key, version, object };
}
