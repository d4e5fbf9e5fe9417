import type { AnyObject } from '../../api/kind-info.ts';

/** Wire JSON of an object that is not stored (a dry run): as the store would give it, with the version it has. */
export function toWireJson(object: AnyObject, version: number | undefined): Buffer {
  const { kind, apiVersion, metadata, ...fields } = object;
  const { resourceVersion: _replaced, ...rest } = metadata;
  const head = version === undefined ? {} : { resourceVersion: String(version) };
  return Buffer.from(JSON.stringify({ kind, apiVersion, metadata: { ...head, ...rest }, ...fields }));
}
