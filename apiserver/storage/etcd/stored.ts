import { openEnvelope, spliceVersion } from '../envelope.ts';
import type { StorageConflict, StoredObject } from '../storage.ts';
import { versionOf } from '../version.ts';
import type { KeyValue } from './messages.ts';

/** A key's value as storage gives it out; its bytes are a copy. */
export function toStored(kv: KeyValue): StoredObject {
  const envelope = openEnvelope(kv.key, kv.value);
  const version = versionOf(kv.modRevision, envelope.index);
  return { key: kv.key, version, json: spliceVersion(envelope, version) };
}

/** `kv` is what stands in the way; undefined when nothing stands where something should. */
export function toConflict(key: string, kv: KeyValue | undefined): StorageConflict {
  const actual = kv === undefined ? 0 : versionOf(kv.modRevision, openEnvelope(key, kv.value).index);
  return { conflict: true, key, actual };
}
