import type { Logger } from '../../../base/logger.ts';
import type { ValueCipher } from '../encryption/value-cipher.ts';
import {
  openEnvelope,
  readHeader,
  splicedLength,
  spliceInPlace,
  spliceInto,
  spliceVersion,
} from '../envelope.ts';
import { type StorageConflict, StorageError, type StoredObject } from '../storage.ts';
import { versionOf } from '../version.ts';
import type { KeyValue } from './messages.ts';

/** A key's value as storage gives it out; its bytes are a copy. */
export function toStored(kv: KeyValue, cipher: ValueCipher | undefined): StoredObject {
  const envelope = openEnvelope(kv.key, kv.value, cipher);
  const version = versionOf(kv.modRevision, envelope.index);
  return { key: kv.key, version, json: spliceVersion(envelope, version) };
}

/** Of a page's message, the part that must be objects for them to stay where they arrived. */
const leastFilled = 0.75;

/**
 * A page of values as storage gives them out, in one piece of memory: 150,000 buffers of their own would cost 200 bytes
 * more each and leave the heap of the C library in shreds. It is the memory that they arrived in, which is used up, if
 * they are most of it. What cannot be read is left out, with a line in the log.
 */
export function toStoredPage(
  kvs: readonly KeyValue[],
  cipher: ValueCipher | undefined,
  logger: Logger,
): StoredObject[] {
  const opened = kvs.flatMap((kv) =>
    toReadable(kv.key, logger, () => {
      const envelope = openEnvelope(kv.key, kv.value, cipher);
      return { key: kv.key, envelope, version: versionOf(kv.modRevision, envelope.index) };
    }),
  );
  const bytes = opened.reduce((sum, { envelope, version }) => sum + splicedLength(envelope, version), 0);
  const message = kvs[0]?.value.buffer;
  const isPlain = opened.every(({ envelope }) => envelope.json.buffer === message);
  if (message !== undefined && isPlain && bytes >= message.byteLength * leastFilled)
    return opened.map(({ key, envelope, version }) => ({
      key,
      version,
      json: spliceInPlace(envelope, version),
    }));
  const page = Buffer.allocUnsafeSlow(bytes);
  let start = 0;
  return opened.map(({ key, envelope, version }) => {
    const json = spliceInto(page, start, envelope, version);
    start += json.length;
    return { key, version, json };
  });
}

/** Whether the value would now be written under another encryption key, or under none. */
export function isStale(kv: KeyValue, cipher: ValueCipher): boolean {
  const { isEncrypted, body } = readHeader(kv.key, kv.value);
  return cipher.isStale(kv.key, isEncrypted ? body : undefined);
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
  const actual = kv === undefined ? 0 : versionOf(kv.modRevision, readHeader(key, kv.value).index);
  return { conflict: true, key, actual };
}
