import type { Logger } from '../../../base/logger.ts';
import type { ValueCipher } from '../encryption/value-cipher.ts';
import {
  openEnvelope,
  readHeader,
  splicedLength,
  spliceInPlace,
  spliceInto,
  spliceVersion,
  type VersionlessJson,
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

/** Of what arrived, the part that must be objects for them to stay where they are. */
const leastFilled = 0.75;
/** Objects unpacked at once: a millisecond. */
const perPage = 250;

/**
 * What a scan has brought, as storage gives it out, a few at a time: 150,000 buffers of their own would cost 200 bytes
 * more each and leave the heap of the C library in shreds. Objects stay in the memory that they arrived in, which is
 * used up, if they are most of it; else those of a page share a piece. Yields one page at least.
 */
export function* toStoredPages(
  kvs: readonly KeyValue[],
  cipher: ValueCipher | undefined,
  logger: Logger,
): Generator<StoredObject[]> {
  const bytes = kvs.reduce((sum, { value }) => sum + value.length, 0);
  const message = kvs[0]?.value.buffer;
  const roomy = message !== undefined && bytes >= message.byteLength * leastFilled ? message : undefined;
  for (let start = 0; start === 0 || start < kvs.length; start += perPage) {
    const opened = kvs.slice(start, start + perPage).flatMap((kv) =>
      toReadable(kv.key, logger, () => {
        const envelope = openEnvelope(kv.key, kv.value, cipher);
        return { key: kv.key, envelope, version: versionOf(kv.modRevision, envelope.index) };
      }),
    );
    // What was encrypted lies elsewhere by now.
    const stays = opened.every(({ envelope }) => envelope.json.buffer === roomy);
    yield stays ? opened.map(inPlace) : inOnePiece(opened);
  }
}

interface Opened {
  readonly key: string;
  readonly envelope: VersionlessJson;
  readonly version: number;
}

function inPlace({ key, envelope, version }: Opened): StoredObject {
  return { key, version, json: spliceInPlace(envelope, version) };
}

function inOnePiece(opened: readonly Opened[]): StoredObject[] {
  const bytes = opened.reduce((sum, { envelope, version }) => sum + splicedLength(envelope, version), 0);
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
