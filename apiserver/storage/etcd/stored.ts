import type { Logger } from '../../../base/logger.ts';
import { openEnvelope, spliceVersion } from '../envelope.ts';
import { type StorageConflict, StorageError, type StoredObject } from '../storage.ts';
import { versionOf } from '../version.ts';
import type { KeyValue } from './messages.ts';

/** A key's value as storage gives it out; its bytes are a copy. */
export function toStored(kv: KeyValue): StoredObject {
  const envelope = openEnvelope(kv.key, kv.value);
  const version = versionOf(kv.modRevision, envelope.index);
  return { key: kv.key, version, json: spliceVersion(envelope, version) };
}

/** As `toStored`; nothing, and a line in the log, for a value that is no object: it must not hide all others. */
export function toReadable<T>(key: string, logger: Logger, read: () => T): T[] {
  try {
    return [read()];
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'STORAGE_CORRUPT') throw error;
    logger.error({ err: error, key }, 'skip a stored value that cannot be read');
    return [];
  }
}

/** `kv` is what stands in the way; undefined when nothing stands where something should. */
export function toConflict(key: string, kv: KeyValue | undefined): StorageConflict {
  const actual = kv === undefined ? 0 : versionOf(kv.modRevision, openEnvelope(key, kv.value).index);
  return { conflict: true, key, actual };
}
